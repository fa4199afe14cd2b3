/* SPDX-License-Identifier: MIT */
/* Transforming the tiles of a tensor, or the patches around them, for Winograd's algorithm. */
#ifndef FC_OPS_CONV2D_FORWARD_WINOGRAD_PATCH_H
#define FC_OPS_CONV2D_FORWARD_WINOGRAD_PATCH_H

#include "core/scratch.h"
#include "ops/conv2d/view.h"

enum {
    FC_WINOGRAD_PIECE = 8,
    FC_WINOGRAD_STAGED = 32
}; /* tiles and channels of a piece staged when channels are not adjacent */

/* Tiles side by side in one image. */
typedef struct fc_winograd_piece {
    ptrdiff_t n, row, col;
    size_t count;
} fc_winograd_piece;
/* The next tiles of [tile, end). */
fc_winograd_piece fc_winograd_piece_at(size_t tile_rows, size_t tile_cols, size_t tile, size_t end);

/* Tile (i, j) of an image has side x side cells from (row + i * step, col + j * step) on, 0 outside the image. */
typedef struct fc_winograd_patches {
    const fc_kernels *kernels;
    const fc_tensor_view *tensor;
    const char *base; /* the first channel of the group */
    size_t size, tile_rows, tile_cols, side, step;
    ptrdiff_t row, col;
    const char *zeros;               /* as many as channels */
    fc_winograd_input_fn *transform; /* `input` or `kernel` of an fc_winograd */
    size_t pitch, element;           /* elements between tiles and between the n * n of the result */
} fc_winograd_patches;

/* Elements of scratch to stage a piece in, not read where channels are adjacent. */
static inline size_t fc_winograd_stage_elements(size_t side, size_t step) {
    return side * ((FC_WINOGRAD_PIECE - 1) * step + side) * FC_WINOGRAD_STAGED;
}

/* Tiles [tile, end) of all images, transformed; they begin at `v`. */
void fc_winograd_transform_patches(const fc_winograd_patches *patches, size_t tile, size_t end, char *v, char *stage);

#endif
