/* SPDX-License-Identifier: MIT */
#include "kernels/ref/gemv.h"

#define GEMV(T, F, WIDE)                                                                                        \
    void fc_ref_gemv_##F(const fc_gemv *g) {                                                                    \
        for (size_t r = 0; r < g->rows; r++)                                                                    \
            for (size_t j = 0; j < g->cols; j++) {                                                              \
                T *c = (T *)g->c + r * g->c_pitch + j;                                                          \
                WIDE sum = g->accumulate ? *c : 0;                                                              \
                for (size_t i = 0; i < g->depth; i++)                                                           \
                    sum += (WIDE)((const T *)g->a)[r * g->a_pitch + i] * ((const T *)g->b)[i * g->b_pitch + j]; \
                *c = (T)sum;                                                                                    \
            }                                                                                                   \
    }
GEMV(float, f32, double)
GEMV(double, f64, long double)
