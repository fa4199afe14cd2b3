/* SPDX-License-Identifier: MIT */
/*
 * The type of every kernel slot and the table of them.
 *
 * Contract of a kernel: sizes are valid, nothing is allocated, no globals, no threads, no errors; it reads and writes
 * only the elements its contract names, at any alignment. f32 and f64 kernels share a type through void pointers.
 */
#ifndef FC_KERNELS_TYPES_H
#define FC_KERNELS_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "fastconv.h"

/*
 * The micro-kernel: c[r][j] = sum over i < k of a[i * a_pitch + r] * b[i * b_pitch + j], r < rows, j < cols, written to c[r * c_pitch + j];
 * accumulate: 1 adds to what c holds.
 */
typedef void fc_gemm_fn(size_t k, const void *a, size_t a_pitch, const void *b, size_t b_pitch,
                        void *c, size_t c_pitch, int accumulate);
typedef struct fc_gemm_tile { size_t rows, cols, vectors; fc_gemm_fn *run; } fc_gemm_tile;
enum { FC_GEMM_TILES = 4, FC_MAX_TILE_ROWS = 16, FC_MAX_TILE_COLS = 64 };

/* dst[k * pitch + i] = src[i][k] for i < rows, k < length; pitch >= rows. Elements of the size in the slot's name, in bits. */
typedef void fc_transpose_fn(void *dst, size_t pitch, const void *const *src, size_t rows, size_t length);

/* Row r of dst, at r * pitch bytes, = the `bytes` bytes at src + offsets[r], r < rows; bytes is even. */
typedef void fc_copy_rows_fn(void *dst, size_t pitch, const void *src, const ptrdiff_t *offsets, size_t rows, size_t bytes);

/* tile[r * pitch + j] += bias[r], or bias[j], for r < rows, j < cols, whole vectors. */
typedef void fc_tile_bias_fn(void *tile, size_t pitch, size_t rows, size_t cols, const void *bias);

/* dst[i] = src[i] in another type, i < n. */
typedef void fc_convert_fn(const void *src, void *dst, size_t n);

/* sum[i] += x[i], i < n. x float or double, sum double. */
typedef void fc_accumulate_fn(const void *x, double *sum, size_t n);

/* y[c] = sum over t < taps of x[t][c] * w[t * w_pitch + c], c < channels. */
typedef void fc_depthwise_fn(size_t taps, const void *const *x, const void *w, size_t w_pitch, size_t channels, void *y);

/* y[i] += w[0] * x[i * x_step], i < n. */
typedef void fc_axpy_fn(size_t n, const void *w, const void *x, size_t x_step, void *y);

/* y[i] = f(x[i]), i < n; y may be x. */
typedef void fc_activation_fn(size_t n, double alpha, const void *x, void *y);

/* dx[i] = dy[i] * f'(x[i]), i < n; from is x, or y = f(x) in the slots that say so. dx may be from or dy. */
typedef void fc_activation_grad_fn(size_t n, double alpha, const void *from, const void *dy, void *dx);

/* Softmax of `rows` contiguous rows of `axis` elements; y may be x, dx may be y or dy. */
typedef void fc_softmax_fn(size_t rows, size_t axis, const void *x, void *y);
typedef void fc_softmax_grad_fn(size_t rows, size_t axis, const void *y, const void *dy, void *dx);
/* The same over the columns of a panel: element k of column c is at [k * pitch + c]. */
typedef void fc_softmax_panel_fn(size_t axis, size_t pitch, size_t columns, const void *x, void *y);
typedef void fc_softmax_grad_panel_fn(size_t axis, size_t pitch, size_t columns, const void *y, const void *dy, void *dx);

/* A row of pooling windows that hold the same cells each; x points at the first one's first cell. Pitches in elements. */
typedef struct fc_pool_span {
    size_t rows, cols;              /* cells of a window */
    size_t row_pitch, col_pitch;    /* between rows of x, and between cells of a row; col_pitch is channels */
    size_t count, step;             /* windows, and elements of x between them */
    size_t channels;                /* elements of a cell, each pooled by itself */
    size_t grad_begin, grad_end;    /* gradients write these rows of the windows only */
} fc_pool_span;
/* pool_max, pool_avg: to[window] from x. *_grad: to (dx, at row grad_begin) += what from[window] (dy) gives.
   pool_max_pick: to[window] = the element of from, laid out as x, where x has its maximum. */
typedef void fc_pool_fn(const fc_pool_span *span, const void *x, const void *from, void *to);

/*
 * out[r * out_pitch + c] = sum over j < k_h, k < k_w of taps[k * k_h + j] * rows[r + j][c + k], r < n_rows, c < n_cols.
 * Complex taps: a plane of k_h * k_w real parts, then one of imaginary parts. Bool taps: 0 or 0xff.
 */
typedef struct fc_convolve2d_block {
    const void *taps;
    size_t k_h, k_w;
    const void *const *rows;    /* n_rows + k_h - 1 of them, each n_cols + k_w - 1 elements */
    size_t n_rows, n_cols;
    void *out;
    size_t out_pitch;
} fc_convolve2d_block;
typedef void fc_convolve2d_fn(const fc_convolve2d_block *block);

typedef struct fc_kernels {
#define FC_GEMM(slot) fc_gemm_tile slot[FC_GEMM_TILES + 1];   /* ends with rows == 0 */
#define FC_KERNEL(slot, type) type *slot;
#define FC_ACTIVATIONS(slot, type) type *slot[FC_ACTIVATION_COUNT];
#include "kernels/list.inc"
#undef FC_GEMM
#undef FC_KERNEL
#undef FC_ACTIVATIONS
} fc_kernels;

#endif
