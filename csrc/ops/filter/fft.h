/* SPDX-License-Identifier: MIT */
/*
 * Filters by Fourier transforms of overlapping blocks. A block of rows x cols cells gives the outputs whose windows
 * lie in it, the first (rows - k_h + 1) x (cols - k_w + 1). Two blocks of real cells are the real and the imaginary
 * part of one transform, as the kernel is real.
 */
#ifndef FC_OPS_FILTER_FFT_H
#define FC_OPS_FILTER_FFT_H

#include "ops/filter/filter.h"

/* columns that are read and stored together; a multiple of any number of lanes */
enum { FC_FFT_GROUP = 128 };

/* Number i of a row of cells, or its part. */
static inline double fc_fft_number(const fc_filter *f, const void *row, size_t i) {
    return fc_filter_is_single(f) ? (double)((const fc_any_float *)row)[i] : ((const fc_any_double *)row)[i];
}

/* ---------------------------------------------------------------- fft_plan.c */

typedef struct fc_fft_cut {
    size_t rows, cols;            /* cells of a block */
    ptrdiff_t out_rows, out_cols; /* outputs of a block, fewer in the last ones */
    ptrdiff_t down, across;       /* blocks */
    size_t tasks;                 /* transforms of one channel */
    double cycles;                /* of one core, for all channels */
} fc_fft_cut;

/* Whether zeros surround the image. */
int fc_fft_between_zeros(const fc_filter *f);
/* The kernels for the numbers of f, or NULL. */
const fc_fft *fc_fft_kernels(const fc_filter *f);
/* The cheapest cut into blocks; 0 where there is none. */
int fc_fft_plan(const fc_filter *f, fc_fft_cut *cut);
/* Twiddles of length n as fc_fft_columns takes them, 2 * n numbers or fewer; octant: scratch for n / 4 + 2 doubles. */
void fc_fft_twiddles(size_t n, size_t radix, int is_double, double *octant, void *twiddles);

/* ---------------------------------------------------------------- fft_cells.c */

/*
 * Cells larger than `limit` and those that are not finite are taken out of a transform and their products added to
 * the sums.
 */
enum { FC_FFT_FEW = 1024 };
/* within the block */
typedef struct fc_fft_cell {
    size_t side;
    ptrdiff_t row, col;
    unsigned char value[16];
} fc_fft_cell;
typedef struct fc_fft_cells {
    double limit;
    size_t count;
    fc_fft_cell cells[FC_FFT_FEW];
} fc_fft_cells;

/* How many of the numbers (two a complex cell) of a row of cells are larger than the limit or not finite. */
size_t fc_fft_count_out(const fc_filter *f, const void *row, size_t cols, double limit);
/*
 * Takes such cells of `count` rows of `cols` numbers, whose first is column col of block `side`, into the list; their
 * rows are copied without them to `copies`, of FC_FFT_GROUP numbers each. 0 where there are too many.
 */
int fc_fft_take_cells(const fc_filter *f, fc_fft_cells *list, size_t side, ptrdiff_t col, const void **rows,
    size_t count, size_t cols, void *copies);
/* No window holds more of them: at most as many lie below the highest one that it holds, and near enough beside it. */
size_t fc_fft_most_together(const fc_fft_cells *list, ptrdiff_t k_h, ptrdiff_t k_w);
/* Adds what they give to the sums of outputs [0, rows) x [col, col + cols) of the block, FC_FFT_GROUP numbers a row. */
void fc_fft_add_cells(const fc_filter *f, const fc_fft_cells *list, const void *backwards, size_t side, ptrdiff_t rows,
    ptrdiff_t col, ptrdiff_t cols, void *sums);
/* The kernel with each row backwards, as fc_fft_add_cells reads it. */
void fc_fft_turn_taps(const fc_filter *f, unsigned char *backwards);

/* ---------------------------------------------------------------- fft_taps.c */

/* Taps by their size, in quarters of an octave from the largest down; what is far smaller counts as 0. */
enum { FC_FFT_LOTS = 128 };
typedef struct fc_fft_taps {
    double norm, sum, most;    /* square root of the sum of squares, sum of the sizes, the largest */
    double total;              /* the sum; 0 of complex ones */
    size_t lots;               /* up to the last one that holds taps */
    int whole;                 /* all of them are whole numbers; never of complex ones */
    double least[FC_FFT_LOTS]; /* no tap of the lot is smaller */
    size_t count[FC_FFT_LOTS];
} fc_fft_taps;

/* `many` sizes of taps from `first` on. */
void fc_fft_tap_sizes(const fc_filter *f, size_t first, size_t many, double *sizes);
void fc_fft_know_taps(const fc_filter *f, fc_fft_taps *taps);
/*
 * Cells of sizes up to cap weigh at least `least`, whichever tap each of them meets, where their plain sum is at
 * least what this gives; infinity where no sum is enough.
 */
double fc_fft_plain_sum(const fc_fft_taps *taps, double cap, double least);
/*
 * Places and sizes of taps, the largest first, of at least as many as `least` or of all, as fc_fft_weigh takes them;
 * of how many.
 */
size_t fc_fft_sort_taps(
    const fc_filter *f, const fc_fft_taps *taps, size_t least, fc_sparse_place *places, void *sizes);

/* ---------------------------------------------------------------- fft_bounds.c */

/*
 * Lower bounds of |image| * |kernel| over a block. Its cells are added up in tiles of high x wide numbers, each cell
 * cut to `cap`. All outputs of tile (u, v) have in their windows the whole tiles from (u + first_row, v + first_col)
 * on, rows x cols of them.
 */
typedef struct fc_fft_tiling {
    size_t high, wide, cells; /* wide: two numbers a complex cell; cells: columns of a tile */
    size_t first_row, first_col, rows, cols;
    size_t tile_rows, pitch; /* of a block */
    size_t together;         /* rows of windows whose sums are first found of the rows of tiles that all of them hold */
    size_t lot, lots;        /* outputs of a lot, FC_FFT_LOT numbers; lots of a row of outputs */
    int waves;               /* the kernel shows those of the cells */
    size_t tiles_bytes, temp_bytes, light_bytes;
} fc_fft_tiling;

typedef struct fc_fft_coarse fc_fft_coarse;

typedef struct fc_fft_bounds {
    unsigned char *tiles, *temp;
    double *of_lots;        /* no more than the windows' sums of each lot of outputs, a row of tiles high */
    unsigned char *light;   /* lots that may not weigh enough */
    double mean;            /* of the sizes of most cells */
    double typical, spread; /* what most cells do not pass; about how far they are from the middle */
    double middle;          /* what the transform takes off each cell; real cells only */
    double cap, least;      /* least: of the sums of all windows */
    int whole;              /* all cells are whole numbers */
    double coherence;       /* share of the cells' size, beside the middle, that goes in waves or slopes; 0 where the
                               kernel shows none */
    int looked;             /* cells of the image have been seen */
    int rough;              /* sums are of rows of windows together */
} fc_fft_bounds;

fc_status fc_fft_tile(const fc_filter *f, const fc_fft_taps *taps, const fc_fft_cut *cut, fc_fft_tiling *tiling);
size_t fc_fft_bounds_bytes(const fc_fft_tiling *t);
void fc_fft_place_bounds(const fc_fft_tiling *t, unsigned char *memory, fc_fft_bounds *b);
/*
 * Takes in columns [col, col + cols) of all `count` rows of cells; columns come in order. Sets what the first
 * columns tell that lie inside the image, cells being `share` of the block's, and, where it may matter, whole.
 */
void fc_fft_survey(const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, const void *const *rows, size_t count,
    size_t col, size_t cols, const fc_rect *inside, int may_be_whole, double share);
/*
 * Once all are in: sums and least, for rows x cols outputs, at first of rows of windows together; tile_rows: room for
 * as many pointers as a block has rows.
 */
void fc_fft_sum_windows(const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, const void **tile_rows,
    size_t rows, size_t cols, int together);
/* Marks the lots of rows x cols outputs with a window whose plain sum is not `enough`; how many. */
size_t fc_fft_find_light(const fc_fft_tiling *t, const fc_fft_bounds *b, size_t rows, size_t cols, double enough);
/* Unmarks those of them whose outputs all weigh as much as `weight` by the coarse kernel. */
void fc_fft_clear_light(const fc_filter *f, const fc_fft_tiling *t, const fc_fft_bounds *b, size_t rows, size_t cols,
    const fc_fft_coarse *coarse, double weight);

/*
 * What the error of sums by a transform of `cells` numbers may be, over its eps, from the energies that fc_fft_rows
 * gives.
 */
double fc_fft_error(int is_double, int is_complex, const fc_fft_taps *taps, double cells, const double *energy);
/*
 * The share of their size that numbers have in waves or slopes, from their squares and the most that products with
 * those 1 to FC_FFT_LAGS beside them come to: a wave of any length follows itself there, to four fifths at least. What
 * noise of so many numbers shows is taken off.
 */
enum { FC_FFT_LAGS = 4 };
double fc_fft_coherence(double most, double squares, size_t count);
/* The same of the share of cells that goes in waves or slopes, where taps go in one as well. */
double fc_fft_wave_error(int is_complex, const fc_fft_taps *taps, double share, double cells, const double *energy);
/* What it is likely to be at least, in a block of which the first columns are known. */
double fc_fft_likely_error(const fc_fft_taps *taps, const fc_fft_bounds *bounds);

/* ---------------------------------------------------------------- fft_crest.c */

/* Whether a kernel has fewer rows or columns of taps than spread errors that meet in one of the block's `enough`. */
typedef struct fc_fft_narrow {
    int rows, cols;
} fc_fft_narrow;
fc_fft_narrow fc_fft_find_narrow(const fc_filter *f, const fc_fft_taps *taps, size_t enough);
/*
 * Adds the squares of what a transform along columns reads, numbers of `part` bytes, to those of all rows and of these
 * columns, as far as the kernel is narrow.
 */
void fc_fft_add_squares(
    const fc_fft *fft, fc_fft_narrow narrow, size_t part, const fc_fft_columns *c, double *of_rows, double *of_cols);
/* By how much errors may lie above what fc_fft_error says, in the rows and columns where they meet. */
double fc_fft_crest(fc_fft_narrow narrow, const fc_fft_cut *cut, const double *of_rows, const double *of_cols);

/* ---------------------------------------------------------------- fft_edges.c */

/*
 * Sums of the taps that meet an image between zeros, for every output: what its mean adds where it was taken off its
 * cells. The `above` first and `below` last rows of outputs, the `left` first and `right` last columns have their own.
 */
typedef struct fc_fft_edges {
    size_t above, below, left, right;
    double *sums;
    double most, shift; /* the largest size of all; of those inside, and of how far others are from them */
} fc_fft_edges;

/* Of a kernel of real numbers that is no larger than the image; sums is not set. */
void fc_fft_measure_edges(const fc_filter *f, fc_fft_edges *edges);
size_t fc_fft_edges_bytes(const fc_fft_edges *edges);
/* Fills memory of so many bytes. */
void fc_fft_sum_edges(const fc_filter *f, unsigned char *memory, fc_fft_edges *edges);
/* Of n outputs of a row, from column `from` on, or of rows whose windows reach over no edge above or below. */
enum { FC_FFT_INSIDE = -1 };
void fc_fft_edge_sums(const fc_filter *f, const fc_fft_edges *e, ptrdiff_t row, ptrdiff_t from, size_t n, double *to);

/* ---------------------------------------------------------------- fft_coarse.c */

/*
 * The smallest taps, those of 0 left out, that any output of a tile has for any cell of the tile `row` rows and
 * `offset` columns of tiles after the first one that its windows hold whole; large ones come before small ones,
 * roughly.
 */
struct fc_fft_coarse {
    size_t count;
    fc_sparse_place *places;
    void *sizes;
    double sum;
};

size_t fc_fft_coarse_bytes(const fc_fft_tiling *t);
void fc_fft_coarsen(const fc_filter *f, const fc_fft_tiling *t, unsigned char *memory, fc_fft_coarse *coarse);

#endif
