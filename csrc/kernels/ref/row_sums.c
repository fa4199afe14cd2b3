/* SPDX-License-Identifier: MIT */
#include "kernels/ref/row_sums.h"

#define ROW_SUMS(T, F, WIDE)                                                                                    \
    void fc_ref_row_sums_##F(const fc_row_sums *g) {                                                            \
        for (size_t r = 0; r < g->rows; r++)                                                                    \
            for (size_t j = 0; j < g->cols; j++) {                                                              \
                T *c = (T *)g->c + r * g->c_pitch + j;                                                          \
                WIDE sum = g->accumulate ? *c : 0;                                                              \
                for (size_t i = 0; i < g->depth; i++)                                                           \
                    sum += (WIDE)((const T *)g->a)[r * g->a_pitch + i] * ((const T *)g->b)[i * g->b_pitch + j]; \
                *c = (T)sum;                                                                                    \
            }                                                                                                   \
    }
ROW_SUMS(float, f32, double)
ROW_SUMS(double, f64, long double)
