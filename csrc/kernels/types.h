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

#include "fastconv_relu.h"
#include "fastconv_types.h"
#include "fastconv_update.h"
#include "kernels/batch_types.h"
#include "kernels/conv_pool_types.h"
#include "kernels/filter_types.h"
#include "kernels/fixed_types.h"
#include "kernels/grad_types.h"
#include "kernels/gemv_types.h"
#include "kernels/igemm_types.h"
#include "kernels/norm_types.h"
#include "kernels/quantized_types.h"

/* The caller's numbers, which may lie at any address. */
typedef float fc_any_float __attribute__((aligned(1)));
typedef double fc_any_double __attribute__((aligned(1)));

enum { FC_CHAIN = 48 }; /* additions in one register, after which a kernel adds up the chains' sums (body/chain.h) */

/*
 * The micro-kernel: c[r][j] = sum over i < k of a[i * a_pitch + r] * b[i * b_pitch + j], r < rows, j < cols, written to
 * c[r * c_pitch + j]; accumulate: 1 adds to what c holds.
 */
typedef void fc_gemm_fn(
    size_t k, const void *a, size_t a_pitch, const void *b, size_t b_pitch, void *c, size_t c_pitch, int accumulate);
typedef struct fc_gemm_tile {
    size_t rows, cols, vectors;
    fc_gemm_fn *run;
} fc_gemm_tile;
enum { FC_GEMM_TILES = 4, FC_MAX_TILE_ROWS = 16, FC_MAX_TILE_COLS = 64 };

/*
 * Values as the sum of `planes` bfloat16 (1: rounded, 2: 16 bits, 3: exact), in the tiles of a matrix unit:
 * FC_BF16X3_ROWS rows of FC_BF16X3_ROWS pairs. A left tile holds in row r the pairs (k i, k i + 16) of row r, a right
 * tile in row i those pairs of every column.
 *
 *     dst[((t * planes + p) * 16 + r) * 32 + 2 * i (+ 1)] = plane p of src[t * tile_pitch + r * row_pitch + i (+
 * pair_pitch)]
 *
 * for t < tiles, r < 16, i < 16. Result: 0 where every value is 0 or of a magnitude from 2^-50 to 2^50, so that no
 * product or sum of the planes leaves the normal range; else 1, and dst means nothing.
 */
enum { FC_BF16X3_ROWS = 16, FC_BF16X3_K = 32, FC_BF16X3_TILE = FC_BF16X3_ROWS * FC_BF16X3_K, FC_BF16X3_PLANES = 3 };
typedef struct fc_bf16x3_source {
    const void *src;
    fc_dtype dtype; /* F32; F16 with two planes; BF16 with one */
    size_t tile_pitch, row_pitch, pair_pitch, tiles, planes;
    uint16_t *dst;
} fc_bf16x3_source;
typedef int fc_bf16x3_split_fn(const fc_bf16x3_source *source);

/*
 * c[(i * 16 + r) * c_pitch + j * 16 + n] = sum over the k of row r of left panel i times column n of right panel j: of
 * the products of planes p and q those with p + q < planes. A panel is `tiles` runs of `planes` tiles; panels are a
 * pitch apart. accumulate: 1 adds to c.
 */
typedef struct fc_bf16x3_block {
    size_t planes, tiles;
    const uint16_t *left, *right;
    size_t left_panels, right_panels, left_pitch, right_pitch;
    float *c;
    size_t c_pitch;
    int accumulate;
} fc_bf16x3_block;
typedef void fc_bf16x3_gemm_fn(const fc_bf16x3_block *block);
/* rate: multiplications of bfloat16 in the time of one vector FMA. */
typedef struct fc_bf16x3_gemm {
    double rate;
    fc_bf16x3_gemm_fn *run;
} fc_bf16x3_gemm;

/*
 * The transforms of Winograd's F(m x m, r x r); n = m + r - 1. Element e < n * n of channel i lies at [e * e_pitch +
 * i]. input: v = the transformed n x n patch whose cell (i, j) is at cells[i * n + j], of `channels` channels each;
 *  kernel: u = the transformed r x r kernel whose tap (i, j) is at taps[i * r + j], of `outs` output channels each.
 */
typedef void fc_winograd_input_fn(const void *const *cells, size_t channels, void *v, size_t e_pitch);
typedef void fc_winograd_kernel_fn(const void *const *taps, size_t outs, void *u, size_t e_pitch);
/*
 * The m x m pixels of `values`, pixel (i, j) to y[i * row_pitch + j * col_pitch + channel] where i < rows and j < cols;
 * relu: max(0, .) at the end. values and bias (NULL for 0) are read in whole vectors.
 */
typedef struct fc_winograd_tile {
    const void *values;
    size_t e_pitch, channels;
    const void *bias;
    int relu;
    void *y;
    size_t row_pitch, col_pitch, rows, cols;
} fc_winograd_tile;
/* 0 where one of the pixels, without the bias, is not finite. */
typedef int fc_winograd_output_fn(const fc_winograd_tile *tile);
typedef struct fc_winograd {
    size_t m, r;
    fc_winograd_input_fn *input;
    fc_winograd_output_fn *output;
    fc_winograd_kernel_fn *kernel;
} fc_winograd;
/* The last three are the kernel gradient's: m is the kernel's side then and r that of a tile of dy. */
#define FC_WINOGRAD_SETS(X) X(2, 3) X(4, 3) X(6, 3) X(2, 5) X(4, 5) X(3, 4) X(3, 2) X(5, 2)
enum {
    FC_WINOGRAD_2X3,
    FC_WINOGRAD_4X3,
    FC_WINOGRAD_6X3,
    FC_WINOGRAD_2X5,
    FC_WINOGRAD_4X5,
    FC_WINOGRAD_3X4,
    FC_WINOGRAD_3X2,
    FC_WINOGRAD_5X2,
    FC_WINOGRAD_COUNT,
    FC_WINOGRAD_LARGEST = 8
};

/*
 * The micro-kernel with pixels in the lanes:
 *
 *     c[r * c_pitch + j] = start[r] + sum over i < k of a[i * rows + r] * b[offsets[i] + j],    r < rows, j < cols
 *
 * start: NULL for 0; accumulate: 1 adds to what c holds; relu: max(0, .) at the end, NaN stays. The caches are asked
 * for b[offsets[i] + ahead + j], which need not exist.
 */
typedef struct fc_planes_block {
    size_t k;
    const void *a, *b;
    const ptrdiff_t *offsets;
    void *c;
    size_t c_pitch;
    const void *start;
    int accumulate, relu;
    ptrdiff_t ahead;
} fc_planes_block;
typedef void fc_planes_fn(const fc_planes_block *block);
typedef struct fc_planes_tile {
    size_t rows, cols, vectors;
    fc_planes_fn *run;
} fc_planes_tile;
enum { FC_PLANES_TILES = 18 };

/* dst[k * pitch + i] = src[i][k] for i < rows, k < length; pitch >= rows. Elements of the size in the slot's name, in
 * bits. */
typedef void fc_transpose_fn(void *dst, size_t pitch, const void *const *src, size_t rows, size_t length);

/* Row r of dst, at r * pitch bytes, = the `bytes` bytes at src + offsets[r], r < rows; bytes is even. */
typedef void fc_copy_rows_fn(
    void *dst, size_t pitch, const void *src, const ptrdiff_t *offsets, size_t rows, size_t bytes);

/* tile[r * pitch + j] += bias[r], or bias[j], for r < rows, j < cols, whole vectors. */
typedef void fc_tile_bias_fn(void *tile, size_t pitch, size_t rows, size_t cols, const void *bias);

/* dst[i] = src[i] in another type, i < n. */
typedef void fc_convert_fn(const void *src, void *dst, size_t n);

/* sum[i] += x[i], i < n. x float or double, sum double. */
typedef void fc_accumulate_fn(const void *x, double *sum, size_t n);

/*
 * A row of a depthwise convolution whose cells hold channels side by side, or two neighbouring rows (out_rows) r:
 *
 *     y[r * y_row_pitch + j * y_pitch + c] = start[c] + sum over s < k_h, t < k_w of
 *         cell(r + s, first + j * stride + t * dilation)[c] * w[(s * k_w + t) * w_pitch + c],    j < count, c <
 * channels
 *
 * cell(s, x) is rows[s] + x * x_pitch for 0 <= x < width, and zeros elsewhere. start: NULL for 0. relu: max(0, .) at
 * the end, and min(ceiling, .) unless ceiling is 0; NaN stays. Pitches in elements.
 */
typedef struct fc_depthwise_cells {
    size_t k_h, k_w;
    ptrdiff_t stride, dilation, first, width;
    const void *const *rows; /* k_h + out_rows - 1 of them */
    ptrdiff_t x_pitch;
    const void *w;
    size_t w_pitch;
    const void *start;
    size_t channels, count, out_rows;
    void *y;
    ptrdiff_t y_pitch, y_row_pitch;
    int relu;
    float ceiling;
} fc_depthwise_cells;
typedef void fc_depthwise_cells_fn(const fc_depthwise_cells *block);

/*
 * Rows of one channel of a depthwise convolution, columns side by side:
 *
 *     y[i * y_pitch + j] = *start + sum over s < k_h, t < k_w of rows[i * stride + s * dilation][offsets[t] + j] * w[s
 * * k_w + t]
 *
 * for i < count, j < cols. The rows are read in whole vectors: up to FC_DEPTHWISE_SLACK elements past their last
 * column.
 */
typedef struct fc_depthwise_planes {
    size_t k_h, k_w, stride, dilation;
    const void *const *rows;
    const ptrdiff_t *offsets; /* k_w of them */
    const void *w, *start;
    size_t count, cols;
    void *y;
    ptrdiff_t y_pitch;
    int relu;
    float ceiling;
} fc_depthwise_planes;
typedef void fc_depthwise_planes_fn(const fc_depthwise_planes *block);
enum { FC_DEPTHWISE_SLACK = 16 };

/*
 * Planes of a depthwise convolution, read where they lie; windows are square, of 3 or 5 taps, and both strides the
 * same, 1 or 2:
 *
 *     y[p * y_plane + i * y_pitch + j] = start[p] + sum over s, t < k of
 *         cell(first_row + i * stride + s, first_col + j * stride + t) * w[(p * k + s) * k + t],    p < planes, i <
 * count, j < cols
 *
 * cell(r, c) is x[p * x_plane + r * x_pitch + c] for 0 <= r < height, 0 <= c < width, and 0 elsewhere. start: NULL for
 * 0. relu, ceiling as above. x can be read FC_DEPTHWISE_REACH elements before and after each of its rows. count >= k;
 * first_col > -k; every window begins left of the width.
 */
typedef struct fc_depthwise_image {
    size_t k, stride, planes, count, cols;
    const void *x;
    ptrdiff_t x_plane, x_pitch, height, width, first_row, first_col;
    const void *w, *start;
    void *y;
    ptrdiff_t y_plane, y_pitch;
    int relu;
    float ceiling;
} fc_depthwise_image;
typedef void fc_depthwise_image_fn(const fc_depthwise_image *block);
enum { FC_DEPTHWISE_REACH = 48 };

/* y[f][r * y_pitch + i] = x[r * x_pitch + i * step + f] for f < step, i * step + f < cols, r < rows; no phase f whose y
 * is NULL. */
typedef struct fc_deinterleave {
    size_t rows, cols, step;
    const void *x;
    ptrdiff_t x_pitch;
    void *const *y;
    ptrdiff_t y_pitch;
} fc_deinterleave;
typedef void fc_deinterleave_fn(const fc_deinterleave *block);

/* y[i * times + k] = x[i] for i < n, k < times. */
typedef void fc_repeat_fn(size_t n, size_t times, const void *x, void *y);

/*
 * y[c] = w[c] + sum over t < taps of x[t][c] * w[(t + 1) * w_pitch + c], c < channels, modulo 2^32: x of bytes, w the
 * start of the sums and then weights, in the range of a byte of either sign.
 */
typedef void fc_depthwise_bytes_fn(
    size_t taps, const void *const *x, const int32_t *w, size_t w_pitch, size_t channels, void *y);

/* y[i] += w[0] * x[i * x_step], i < n; with x of bytes, w and y are int32_t, as above. */
typedef void fc_axpy_fn(size_t n, const void *w, const void *x, size_t x_step, void *y);

/* y[i] = f(x[i]), i < n; y may be x. */
typedef void fc_activation_fn(size_t n, double alpha, const void *x, void *y);

/* dx[i] = dy[i] * f'(x[i]), i < n; from is x, or y = f(x) in the slots that say so. dx may be from or dy. */
typedef void fc_activation_grad_fn(size_t n, double alpha, const void *from, const void *dy, void *dx);

/* y[i] = x[i] > threshold ? min(max(x[i], low), high) : negative_slope * (x[i] - threshold), i < n, NaN stays; y may be
 * x. */
typedef void fc_relu_fn(size_t n, const fc_relu_params *p, const void *x, void *y);

/* dx[i] = dy[i] * s: negative_slope for x[i] < threshold, 1 for x[i] > threshold with low <= x[i] <= high, NaN for NaN,
 * else 0. dx may be x or dy. */
typedef void fc_relu_grad_fn(size_t n, const fc_relu_params *p, const void *x, const void *dy, void *dx);

/* Softmax of `rows` contiguous rows of `axis` elements; y may be x, dx may be y or dy. */
typedef void fc_softmax_fn(size_t rows, size_t axis, const void *x, void *y);
typedef void fc_softmax_grad_fn(size_t rows, size_t axis, const void *y, const void *dy, void *dx);
/* The same over the columns of a panel: element k of column c is at [k * pitch + c]. */
typedef void fc_softmax_panel_fn(size_t axis, size_t pitch, size_t columns, const void *x, void *y);
typedef void fc_softmax_grad_panel_fn(
    size_t axis, size_t pitch, size_t columns, const void *y, const void *dy, void *dx);

/* Rows of pooling windows that hold the same cells each; x points at the first one's first cell. Pitches in elements.
 */
typedef struct fc_pool_span {
    size_t rows, cols;           /* cells of a window */
    size_t row_pitch, col_pitch; /* between rows of x, and between cells of a row; col_pitch is channels */
    size_t count, step;          /* windows, and elements of x between them */
    size_t channels;             /* elements of a cell, each pooled by itself */
    size_t lines, x_line,
        window_line; /* rows of windows; elements between them of x and dx, and of what the windows give or get */
    size_t grad_begin, grad_end; /* gradients write these rows of the windows only */
    size_t met_rows,
        met_cols; /* of them the first rows, and in the first window of the span the first columns, hold sums already */
} fc_pool_span;
/* pool_max, pool_avg: to[window] from x. *_grad: to (dx, at row grad_begin) = what from[window] (dy) gives the windows'
   cells, added to the sums where cells have met a window before; what lies between the windows is left alone.
   pool_max_pick: to[window] = the element of from, laid out as x, where x has its maximum. */
typedef void fc_pool_fn(const fc_pool_span *span, const void *x, const void *from, void *to);

/* A step of an optimizer as fastconv_update.h has it; no operation is fused with another. */
typedef void fc_update_fn(const fc_update *update);

typedef struct fc_kernels {
#define FC_GEMM(slot) fc_gemm_tile slot[FC_GEMM_TILES + 1];    /* ends with rows == 0 */
#define FC_IGEMM(slot) fc_igemm_tile slot[FC_IGEMM_TILES + 1]; /* ends with height == 0 */
#define FC_BF16X3(slot) fc_bf16x3_gemm slot;
#define FC_FFT(slot) fc_fft slot;
#define FC_WINOGRAD(slot) fc_winograd slot[FC_WINOGRAD_COUNT];
#define FC_PLANES(slot) fc_planes_tile slot[FC_PLANES_TILES + 1];             /* ends with rows == 0 */
#define FC_WGRAD_GEMM(slot) fc_wgrad_gemm_tile slot[FC_WGRAD_GEMM_TILES + 1]; /* ends with height == 0 */
#define FC_BATCH(slot) fc_batch_tile slot[FC_BATCH_TILES + 1];                /* ends with outs == 0 */
#define FC_KERNEL(slot, type) type *slot;
#define FC_ACTIVATIONS(slot, type) type *slot[FC_ACTIVATION_COUNT];
#include "kernels/list.inc"
#undef FC_GEMM
#undef FC_IGEMM
#undef FC_PLANES
#undef FC_WGRAD_GEMM
#undef FC_BATCH
#undef FC_WINOGRAD
#undef FC_BF16X3
#undef FC_FFT
#undef FC_KERNEL
#undef FC_ACTIVATIONS
} fc_kernels;

#endif
