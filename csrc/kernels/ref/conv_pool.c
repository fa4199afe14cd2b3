/* SPDX-License-Identifier: MIT */
#include "kernels/ref/conv_pool.h"

#define CONV_POOL(T, F, WIDE)                                                                             \
    static WIDE result_##F(const fc_conv_pool *row, ptrdiff_t i, ptrdiff_t j, size_t out) {               \
        WIDE sum = row->bias ? ((const T *)row->bias)[out] : 0;                                           \
        for (size_t t = 0; t < row->taps; t++)                                                            \
            for (size_t k = 0; k < row->length; k++) {                                                    \
                const T *x = (const T *)row->x + i * row->x_row + j * row->x_col;                         \
                sum += (WIDE)x[(ptrdiff_t)t * row->x_tap + (ptrdiff_t)k] *                                \
                    ((const T *)row->w)[(t * row->length + k) * row->w_pitch + out];                      \
            }                                                                                             \
        return sum;                                                                                       \
    }                                                                                                     \
    void fc_ref_conv_pool_##F(const fc_conv_pool *row) {                                                  \
        for (ptrdiff_t q = 0; q < (ptrdiff_t)row->windows; q++)                                           \
            for (size_t out = 0; out < row->outs; out++) {                                                \
                WIDE best = result_##F(row, 0, 2 * q, out);                                               \
                for (ptrdiff_t cell = 1; cell < 4; cell++) {                                              \
                    const WIDE other = result_##F(row, cell / 2, 2 * q + cell % 2, out);                  \
                    best = other > best || other != other ? other : best;                                 \
                }                                                                                         \
                ((T *)row->y)[q * row->y_pitch + (ptrdiff_t)out] = (T)(row->relu && best < 0 ? 0 : best); \
            }                                                                                             \
    }
CONV_POOL(float, f32, double)
CONV_POOL(double, f64, long double)
