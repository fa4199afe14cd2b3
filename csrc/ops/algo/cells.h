/* SPDX-License-Identifier: MIT */
/* Images of a batch interleaved: cells of one number an image, [row][column][channel][lane], as the kernels of body/batch.h read them. */
#ifndef FC_OPS_ALGO_CELLS_H
#define FC_OPS_ALGO_CELLS_H

#include "ops/algo/view.h"

/* A part of a tensor of F32 or F64: rows inside of it, columns that may begin left of it and end right of it; `image` is the first image's. */
typedef struct fc_cells {
    const fc_kernels *kernels;
    const fc_tensor_view *tensor;
    fc_dtype dtype;
    size_t images, lanes;               /* images <= lanes */
    ptrdiff_t row, rows, col, cols;
} fc_cells;

static inline size_t fc_cells_count(const fc_cells *part) { return (size_t)(part->rows * part->cols * part->tensor->c); }

/* Zeros where there is no column or no image. */
void fc_load_cells(const fc_cells *part, const char *image, char *cells);
/* Every column lies inside. */
void fc_store_cells(const fc_cells *part, const char *cells, char *image);

/* Of `count` taps those under which any of the windows [first, last] of a stride lies inside [0, size). */
typedef struct fc_tap_range { ptrdiff_t begin, end; } fc_tap_range;
fc_tap_range fc_taps_inside(const fc_taps *taps, ptrdiff_t first, ptrdiff_t last, ptrdiff_t size);

#endif
