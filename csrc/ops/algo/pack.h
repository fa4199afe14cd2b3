/* SPDX-License-Identifier: MIT */
/*
 * Packing: pieces of G and W laid out as the micro-kernel reads them, converted to the compute type. Bits are moved,
 * not interpreted, so one packer serves every element size; a half panel is widened when it is complete.
 */
#ifndef FC_OPS_ALGO_PACK_H
#define FC_OPS_ALGO_PACK_H

#include "ops/algo/view.h"

enum { FC_MAX_PANEL = 64 };

/* G of one group: `src` points at the group's first channel. */
typedef struct fc_gather {
    const fc_conv_view *view;
    const fc_kernels *kernels;
    const char *src;
} fc_gather;

/*
 * A panel of pixels: dst[(k - k0) * panel + i] = G[pixel + i][k] for k0 <= k < k1, i < panel <= FC_MAX_PANEL,
 * 0 for i >= count. raw: (k1 - k0) * panel elements of scratch, for half types only.
 */
void fc_pack_pixel_panel(
    const fc_gather *g, size_t pixel, size_t count, size_t panel, size_t k0, size_t k1, void *raw, void *dst);

/* Rows of G: dst[i * pitch + k - k0] = G[pixel + i][k] for i < count, k0 <= k < k1, 0 up to pitch. raw: count * pitch.
 */
void fc_pack_gather_rows(
    const fc_gather *g, size_t pixel, size_t count, size_t k0, size_t k1, size_t pitch, void *raw, void *dst);

/* Rows of dst, the output tensor (dy in the kernel gradient): dst[i * pitch + o - o0] = y[pixel + i][o], 0 up to pitch.
 */
void fc_pack_output_rows(const fc_gather *g, const char *y, size_t pixel, size_t count, size_t o0, size_t o1,
    size_t pitch, void *raw, void *dst);

/* A panel of W: dst[(k - k0) * panel + j] = W[k][o + j], 0 for j >= count. weights: of the group. */
void fc_pack_weight_panel(const fc_gather *g, const char *weights, size_t o, size_t count, size_t panel, size_t k0,
    size_t k1, void *raw, void *dst);

/* Where output pixel `pixel` lies in the output tensor, in elements. */
typedef struct fc_pixel {
    ptrdiff_t n, row, col;
} fc_pixel;
fc_pixel fc_pixel_at(const fc_conv_view *view, size_t pixel);
void fc_pixel_next(const fc_conv_view *view, fc_pixel *at);

/* Pixels [begin, begin + count) of a panel that follow one another in one row of the output; across_rows: in one image.
 */
typedef struct fc_run {
    size_t begin, count;
    fc_pixel at;
} fc_run;
/* Cuts at most FC_MAX_PANEL pixels into runs and gives their number. */
size_t fc_find_runs(const fc_conv_view *view, size_t pixel, size_t count, int across_rows, fc_run *runs);

/* memcpy of a few elements, without the call. */
void fc_copy_elements(void *dst, const void *src, size_t bytes);

fc_transpose_fn *fc_transpose_of(const fc_kernels *kernels, size_t element_size);
/* `count` elements of a half type to float. */
void fc_widen(const fc_kernels *kernels, fc_dtype dtype, const void *raw, void *dst, size_t count);

#endif
