/* SPDX-License-Identifier: MIT */
/* Tables of pointers for the micro-kernel that reads rows in place: where each pixel of a tile reads under each tap. */
#ifndef FC_OPS_CONV2D_GATHER_PIXELS_H
#define FC_OPS_CONV2D_GATHER_PIXELS_H

#include "ops/conv2d/gather/patch.h"

/* A rectangle of output pixels and where its input lies. */
typedef struct fc_pixel_block {
    ptrdiff_t i, j, rows, cols;
    const char *source; /* the patch, or the group's first element of the image */
    fc_patch patch;
    int patched;
    const void *zeros; /* what cells outside the image read: a run's length of them; not needed in a patch */
    ptrdiff_t size;    /* bytes of an element of the source */
} fc_pixel_block;

/*
 * table[t * height + r] for `count` pixels of the block, in row order from its pixel (i, j) on; spare rows repeat the
 * last. join: the taps of a row may be one run; returns whether they are (not where such a run would cross the border).
 */
int fc_point_pixels(const fc_conv_view *view, const fc_pixel_block *block, ptrdiff_t i, ptrdiff_t j, ptrdiff_t count,
    size_t height, int join, const void **table);

#endif
