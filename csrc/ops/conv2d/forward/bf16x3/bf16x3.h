/* SPDX-License-Identifier: MIT */
/*
 * The split algorithm: the implicit GEMM of a view on panels of bfloat16 planes, for matrix units and dot products of
 * bfloat16. Scratch a thread is one block of pixels in planes (at most a third of L2), one panel before it is split,
 * the patch of the input that the block reads (in planes, for one block of channels; where pixels are split once for
 * all taps), and the block's results.
 */
#ifndef FC_OPS_CONV2D_FORWARD_BF16X3_BF16X3_H
#define FC_OPS_CONV2D_FORWARD_BF16X3_BF16X3_H

#include "ops/conv2d/algorithm.h"
#include "ops/conv2d/gather/pack.h"

enum { FC_BF16X3_PANEL = FC_BF16X3_ROWS, FC_BF16X3_SLICE = 4 }; /* pixels or output channels a panel; panels a slice */

/* What depends on the kernel's shape alone. */
typedef struct fc_bf16x3_blocking {
    const fc_kernels *kernels;
    const fc_conv_view *view;
    fc_conv_view moved; /* view for the packers: half types as integers, which they move and do not widen */
    size_t planes;
    int pixels_in_rows; /* 1: pixels are the left operand, 0: output channels are */
    int patched;        /* 1: pixels are split once for all taps, and k runs over blocks of channels, taps, channels */
    size_t k, block_k, k_blocks, padded_k; /* block_k: a multiple of FC_BF16X3_K where there is more than one block */
    size_t out_panels;                     /* of one group */
} fc_bf16x3_blocking;

fc_bf16x3_blocking fc_bf16x3_choose(const fc_layer *layer);
/* Cycles of a run. */
double fc_bf16x3_cost(const fc_layer *layer, const fc_bf16x3_blocking *b);
/*
 * Whether products of bfloat16 take less time than those of floats. Where they do not, they are not chosen: they are
 * looser, and for few pixels it is the other algorithms' calls that make them look cheap.
 */
int fc_bf16x3_pays(const fc_layer *layer, const fc_bf16x3_blocking *b);

/* A packed kernel: this, the bias [group][out_panels * 16] in float, the planes [group][block of k][panel][k /
 * 32][plane][tile]. */
typedef struct fc_bf16x3_kernel {
    _Alignas(64) int out_of_range; /* 1: no planes, but the kernel and bias packed by fc_packed_pack follow */
    const void *kernel, *bias;     /* what was split */
} fc_bf16x3_kernel;

size_t fc_bf16x3_bias_elements(const fc_bf16x3_blocking *b);
float *fc_bf16x3_bias(const fc_bf16x3_blocking *b, fc_bf16x3_kernel *packed, size_t group);
/* The first panel of a block of k; panels are fc_bf16x3_panel_elements apart. */
uint16_t *fc_bf16x3_planes(const fc_bf16x3_blocking *b, fc_bf16x3_kernel *packed, size_t group, size_t k0);
size_t fc_bf16x3_panel_elements(const fc_bf16x3_blocking *b, size_t k);

/* Splits kernel and bias; out_of_range tells whether that worked. */
void fc_bf16x3_pack_kernel(const fc_bf16x3_blocking *b, const void *kernel, const void *bias, fc_bf16x3_kernel *packed);
/* Scratch of fc_bf16x3_pixel_panel: a panel before it is split. */
size_t fc_bf16x3_panel_scratch(const fc_bf16x3_blocking *b);
/* Panel of pixels [pixel, pixel + count) and k0 <= k < k1. Gives 1 if a value is out of range. */
int fc_bf16x3_pixel_panel(const fc_bf16x3_blocking *b, const fc_gather *g, size_t pixel, size_t count, size_t k0,
    size_t k1, void *scratch, uint16_t *dst);

/*
 * The pixels [first, first + pixels) of all images, those that a block of output pixels reads, in planes for one block
 * of channels: in groups of a panel, then a group of zeros.
 */
typedef struct fc_bf16x3_patch {
    size_t first, pixels;
    uint16_t *planes;
} fc_bf16x3_patch;
fc_bf16x3_patch fc_bf16x3_patch_of(const fc_bf16x3_blocking *b, size_t pixel, size_t count, void *planes);
size_t fc_bf16x3_patch_bytes(const fc_bf16x3_blocking *b, const fc_bf16x3_patch *patch);
/* src: of the group. Scratch and result as those of fc_bf16x3_pixel_panel. */
int fc_bf16x3_fill_patch(
    const fc_bf16x3_blocking *b, const fc_bf16x3_patch *patch, const char *src, size_t k0, size_t k1, void *scratch);
void fc_bf16x3_patch_panel(const fc_bf16x3_blocking *b, const fc_bf16x3_patch *patch, size_t pixel, size_t count,
    size_t k0, size_t k1, uint16_t *dst);

#endif
