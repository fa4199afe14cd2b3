/* SPDX-License-Identifier: MIT */
/*
 * Filters by Fourier transforms of overlapping blocks. A block of rows x cols cells gives the outputs whose windows lie in it, the first
 * (rows - k_h + 1) x (cols - k_w + 1). Two blocks of real cells are the real and the imaginary part of one transform, as the kernel is real.
 */
#ifndef FC_OPS_FILTER_FFT_H
#define FC_OPS_FILTER_FFT_H

#include "ops/filter/filter.h"

enum { FC_FFT_GROUP = 128 };            /* columns that are read and stored together; a multiple of any number of lanes */

/* ---------------------------------------------------------------- fft_plan.c */

typedef struct fc_fft_cut {
    size_t rows, cols;                  /* cells of a block */
    ptrdiff_t out_rows, out_cols;       /* outputs of a block, fewer in the last ones */
    ptrdiff_t down, across;             /* blocks */
    size_t tasks;                       /* transforms of one channel */
    double cycles;                      /* of one core, for all channels */
} fc_fft_cut;

/* The kernels for the numbers of f, or NULL. */
const fc_fft *fc_fft_kernels(const fc_filter *f);
/* The cheapest cut into blocks; 0 where there is none. */
int fc_fft_plan(const fc_filter *f, fc_fft_cut *cut);
/* Twiddles of length n as fc_fft_columns takes them, 2 * n numbers or fewer; octant: scratch for n / 4 + 2 doubles. */
void fc_fft_twiddles(size_t n, size_t radix, int is_double, double *octant, void *twiddles);

/* ---------------------------------------------------------------- fft_cells.c */

/* Cells that are not finite are taken out of a transform and their products added to the sums. */
enum { FC_FFT_FEW = 64 };
typedef struct fc_fft_cell { size_t side; ptrdiff_t row, col; unsigned char value[16]; } fc_fft_cell;   /* within the block */
typedef struct fc_fft_cells { size_t count; fc_fft_cell cells[FC_FFT_FEW]; } fc_fft_cells;

/*
 * Takes such cells of `count` rows of `cols` numbers, whose first is column col of block `side`, into the list; their rows are copied without them to
 * `copies`, of FC_FFT_GROUP numbers each. 0 where there are too many.
 */
int fc_fft_take_cells(const fc_filter *f, fc_fft_cells *list, size_t side, ptrdiff_t col, const void **rows, size_t count, size_t cols, void *copies);
/* Adds what they give to the sums of outputs [0, rows) x [col, col + cols) of the block, FC_FFT_GROUP numbers a row. */
void fc_fft_add_cells(const fc_filter *f, const fc_fft_cells *list, size_t side, ptrdiff_t rows, ptrdiff_t col, ptrdiff_t cols, void *sums);

#endif
