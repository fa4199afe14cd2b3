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
 * The micro-kernel: c[r][j] = sum over i < k of a[i * a_pitch + r] * b[i * b_pitch + j], r < rows, j < cols; c is rows x cols, dense.
 * accumulate: 1 adds to what c holds.
 */
typedef void fc_gemm_fn(size_t k, const void *a, size_t a_pitch, const void *b, size_t b_pitch, void *c, int accumulate);
typedef struct fc_gemm_tile { size_t rows, cols, vectors; fc_gemm_fn *run; } fc_gemm_tile;
enum { FC_GEMM_TILES = 4, FC_MAX_TILE_ROWS = 16, FC_MAX_TILE_COLS = 64 };

/* dst[k * pitch + i] = src[i][k] for i < rows, k < length; pitch >= rows. Elements of the size in the slot's name, in bits. */
typedef void fc_transpose_fn(void *dst, size_t pitch, const void *const *src, size_t rows, size_t length);

/* tile[r][j] += bias[r], or bias[j]: a dense rows x cols tile. */
typedef void fc_tile_bias_fn(void *tile, size_t rows, size_t cols, const void *bias);

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

typedef struct fc_kernels {
#define FC_GEMM(slot) fc_gemm_tile slot[FC_GEMM_TILES + 1];   /* ends with rows == 0 */
#define FC_KERNEL(slot, type) type *slot;
#include "kernels/list.inc"
#undef FC_GEMM
#undef FC_KERNEL
} fc_kernels;

#endif
