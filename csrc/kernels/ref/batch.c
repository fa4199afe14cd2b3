/* SPDX-License-Identifier: MIT */
#include "kernels/ref/batch.h"

#define BATCH(T, F, WIDE)                                                                                         \
    static WIDE number_##F(const fc_batch_tile *tile, const fc_batch_block *g, size_t p, size_t r, size_t lane) { \
        WIDE sum = g->start ? ((const T *)g->start)[r] : 0;                                                       \
        for (size_t s = 0; s < g->rows; s++)                                                                      \
            for (size_t t = 0; t < g->cols; t++) {                                                                \
                const T *a = (const T *)g->a + (ptrdiff_t)s * g->a_row + (ptrdiff_t)t * g->a_col;                 \
                const T *b = (const T *)g->b + (ptrdiff_t)s * g->b_row + (ptrdiff_t)t * g->b_col +                \
                    (ptrdiff_t)p * g->b_pixel;                                                                    \
                for (size_t i = 0; i < g->length; i++)                                                            \
                    sum += (WIDE)a[i * tile->outs + r] * b[i * tile->lanes + lane];                               \
            }                                                                                                     \
        return sum;                                                                                               \
    }                                                                                                             \
    void fc_ref_batch_##F(const fc_batch_tile *tile, const fc_batch_block *g) {                                   \
        for (size_t p = 0; p < g->stored; p++)                                                                    \
            for (size_t r = 0; r < g->kept; r++)                                                                  \
                for (size_t lane = 0; lane < tile->lanes; lane++) {                                               \
                    T *c = (T *)g->c + (ptrdiff_t)p * g->c_pixel + (ptrdiff_t)(r * tile->lanes + lane);           \
                    const WIDE sum = number_##F(tile, g, p, r, lane) + (g->accumulate ? *c : 0);                  \
                    *c = (T)(g->relu && sum < 0 ? 0 : sum);                                                       \
                }                                                                                                 \
    }
BATCH(float, f32, double)
BATCH(double, f64, long double)
