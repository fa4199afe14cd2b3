/* SPDX-License-Identifier: MIT */
/*
 * A patch: the part of one image and group that a block of output pixels reads, copied with its zero padding, channels
 * together, in the compute type; element (row, col, channel) lies at [(row * cols + col) * pitch + channel].
 */
#ifndef FC_OPS_CONV2D_GATHER_PATCH_H
#define FC_OPS_CONV2D_GATHER_PATCH_H

#include "ops/conv2d/view.h"

typedef struct fc_patch {
    ptrdiff_t row, col, rows, cols, pitch;
} fc_patch; /* of the input; row and col may be negative; pitch >= channels */

/* What output rows [i, i + rows) and columns [j, j + cols) read. Steps are positive. */
fc_patch fc_patch_of(
    const fc_conv_view *view, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j, ptrdiff_t cols, ptrdiff_t pitch);

/* Whether some window reaches past the image. */
int fc_has_border(const fc_conv_view *view);

/* image: of the group; raw: cols * channels elements of scratch, for half types only. */
void fc_fill_patch(const fc_conv_view *view, const fc_kernels *kernels, const fc_patch *patch, const char *image,
    void *raw, char *dst);

#endif
