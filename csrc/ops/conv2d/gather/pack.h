/* SPDX-License-Identifier: MIT */
/*
 * Packing: pieces of G and W laid out as the micro-kernel reads them, converted to the compute type. Bits are moved,
 * not interpreted, so one packer serves every element size; a half panel is widened when it is complete.
 */
#ifndef FC_OPS_CONV2D_GATHER_PACK_H
#define FC_OPS_CONV2D_GATHER_PACK_H

#include "ops/conv2d/gather/gather.h"

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

/* memcpy of a few elements, without the call. */
void fc_copy_elements(void *dst, const void *src, size_t bytes);

fc_transpose_fn *fc_transpose_of(const fc_kernels *kernels, size_t element_size);

#endif
