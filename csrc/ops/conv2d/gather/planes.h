/* SPDX-License-Identifier: MIT */
/*
 * The input of a block of output pixels as planes: one a channel and residue of the coordinates modulo the strides,
 * zero-padded. The cell that output pixel (i, j) of the block reads under a tap lies at the tap's offset plus i * pitch
 * + j.
 */
#ifndef FC_OPS_CONV2D_GATHER_PLANES_H
#define FC_OPS_CONV2D_GATHER_PLANES_H

#include "ops/conv2d/view.h"

typedef struct fc_planes {
    ptrdiff_t rows, pitch;            /* of a plane */
    ptrdiff_t row_phases, col_phases; /* residues that taps meet */
    ptrdiff_t plane;                  /* elements from one plane to the next */
    size_t elements;                  /* of all planes of a group */
} fc_planes;

/* For blocks of rows x cols output pixels. Steps are positive. */
fc_planes fc_planes_of(const fc_conv_view *view, ptrdiff_t rows, ptrdiff_t cols);

/* offsets[k] of every tap and channel. */
void fc_planes_offsets(const fc_conv_view *view, const fc_planes *planes, ptrdiff_t *offsets);

/* Copies what the block at output pixel (i, j) of an image reads. image: of the group; F32 or F64. */
void fc_fill_planes(const fc_conv_view *view, const fc_kernels *kernels, const fc_planes *planes, const char *image,
    ptrdiff_t i, ptrdiff_t j, char *dst);

#endif
