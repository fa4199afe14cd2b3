/* SPDX-License-Identifier: MIT */
/* The type of the kernels that pool a convolution in registers; the contract of types.h holds. */
#ifndef FC_KERNELS_CONV_POOL_TYPES_H
#define FC_KERNELS_CONV_POOL_TYPES_H

#include <stddef.h>

/*
 * A row of 2 x 2 windows over the results of a convolution, which are never stored:
 *
 *     y[q * y_pitch + j] = maximum over a, b < 2 of bias[j] + sum over t < taps, i < length of
 *         x[a * x_row + (2 q + b) * x_col + t * x_tap + i] * w[(t * length + i) * w_pitch + j]
 *
 * for q < windows, j < outs. NaN wins. bias: NULL for 0; relu: max(0, .) at the end, NaN stays. w and bias are read in
 * whole vectors. Pitches are in elements.
 */
typedef struct fc_conv_pool {
    size_t taps, length;
    const void *x;
    ptrdiff_t x_row, x_col, x_tap;
    const void *w;
    size_t w_pitch;
    const void *bias;
    size_t windows, outs;
    void *y;
    ptrdiff_t y_pitch;
    int relu;
} fc_conv_pool;
typedef void fc_conv_pool_fn(const fc_conv_pool *row);

#endif
