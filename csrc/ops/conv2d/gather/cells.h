/* SPDX-License-Identifier: MIT */
/* Images of a batch interleaved: cells of one number an image, [row][column][channel][lane], as the kernels of
 * body/batch.h read them. */
#ifndef FC_OPS_CONV2D_GATHER_CELLS_H
#define FC_OPS_CONV2D_GATHER_CELLS_H

#include "ops/conv2d/view.h"

/* A part of a tensor of F32 or F64: rows inside of it, columns that may begin left of it and end right of it; `image`
 * is the first image's. */
typedef struct fc_cells {
    const fc_kernels *kernels;
    const fc_tensor_view *tensor;
    fc_dtype dtype;
    size_t images, lanes; /* images <= lanes */
    ptrdiff_t row, rows, col, cols;
} fc_cells;

/* Zeros where there is no column or no image. */
void fc_load_cells(const fc_cells *part, const char *image, char *cells);
/* Every column lies inside. */
void fc_store_cells(const fc_cells *part, const char *cells, char *image);

#endif
