/* SPDX-License-Identifier: MIT */
/* The types of the kernels of conv2d's gradients; the contract of types.h holds. */
#ifndef FC_KERNELS_GRAD_TYPES_H
#define FC_KERNELS_GRAD_TYPES_H

#include <stddef.h>

/*
 * The micro-kernel of a reduction over pixels that lie evenly in images, rows and columns:
 *
 *     c[r * width + j] = sum over n < images, i < rows, p < cols of a[at_a(n, i, p) + r] * b[at_b(n, i, p) + j],    r <
 * height, j < outs
 *
 * at_a(n, i, p) = n * a_image + i * a_row + p * a_col, at_b likewise; height and width are the tile's. outs lacks less
 * than a vector of the width; 0 is written beyond it. accumulate: 1 adds to what c holds.
 */
typedef struct fc_wgrad_gemm_block {
    size_t images, rows, cols;
    const void *a, *b;
    ptrdiff_t a_image, a_row, a_col, b_image, b_row, b_col;
    size_t outs;
    void *c;
    int accumulate;
} fc_wgrad_gemm_block;
typedef void fc_wgrad_gemm_fn(const fc_wgrad_gemm_block *block);
typedef struct fc_wgrad_gemm_tile {
    size_t height, width, vectors;
    fc_wgrad_gemm_fn *run;
} fc_wgrad_gemm_tile;
enum { FC_WGRAD_GEMM_TILES = 16 };

/*
 * sums[t * channels + c] = sum over i < rows, p < cols of x[t * x_tap + i * x_row + p * x_col + c] * dy[i * dy_row + p
 * * dy_col + c], t < taps, c < channels.
 */
typedef struct fc_dwconv_wgrad {
    size_t taps, rows, cols, channels;
    const void *x, *dy;
    ptrdiff_t x_tap, x_row, x_col, dy_row, dy_col;
    void *sums;
} fc_dwconv_wgrad;
typedef void fc_dwconv_wgrad_fn(const fc_dwconv_wgrad *block);

#endif
