/* SPDX-License-Identifier: MIT */
/*
 * The type of the kernel with the images of a batch in the lanes; the contract of types.h holds. A cell is a vector:
 * the same number of `lanes` images, of this instruction set and type.
 */
#ifndef FC_KERNELS_BATCH_TYPES_H
#define FC_KERNELS_BATCH_TYPES_H

#include <stddef.h>

/*
 * Cell r of pixel p of c, at p * c_pixel + r * lanes,
 *
 *     = start[r] + sum over s < rows, t < cols, i < length of
 *         a[s * a_row + t * a_col + i * outs + r] * the cell at b + p * b_pixel + s * b_row + t * b_col + i * lanes
 *
 * for r < kept <= outs, p < stored <= pixels; outs and pixels are the tile's, and cells of b are read for all pixels.
 * start: NULL for 0; accumulate: 1 adds to what c holds; relu: max(0, .) at the end, NaN stays.
 */
typedef struct fc_batch_block {
    size_t rows, cols, length;
    const void *a, *b;
    ptrdiff_t a_row, a_col, b_row, b_col, b_pixel;
    void *c;
    ptrdiff_t c_pixel;
    size_t kept, stored;
    const void *start;
    int accumulate, relu;
} fc_batch_block;
typedef void fc_batch_fn(const fc_batch_block *block);
typedef struct fc_batch_tile {
    size_t outs, pixels, lanes;
    fc_batch_fn *run;
} fc_batch_tile;
enum { FC_BATCH_TILES = 24 };

#endif
