/* SPDX-License-Identifier: MIT */
/* A filter by transforms while it runs: what all tasks share, what a worker has to itself, and the steps of a task. */
#ifndef FC_OPS_FILTER_FFT_JOB_H
#define FC_OPS_FILTER_FFT_JOB_H

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft.h"

enum {
    FC_FFT_DIRECT_ROWS = 32, /* of a rectangle that is summed directly */
    FC_FFT_MENDED_SHARE = 2  /* of lots, up to one of so many is mended before all are summed directly */
};

/* How a task ended: by its transform, too light for it and summed directly, or left to a transform in double. */
typedef enum fc_fft_end { FC_FFT_DONE, FC_FFT_SUMMED, FC_FFT_LEFT } fc_fft_end;

typedef struct fc_fft_job {
    const fc_filter *f;
    const fc_fft *fft;
    fc_fft_cut cut;
    fc_fft_tiling tiling;
    const fc_fft_taps *sizes;
    fc_fft_narrow narrow;
    fc_fft_coarse coarse;
    fc_fft_edges edges;
    int edged; /* zeros surround the image, whose cells are real and which is no smaller than the kernel */
    /* blocks a task; bytes of a real number of the transform, and of a cell in it */
    size_t sides, part, cell;
    int wide;     /* float32 transformed in double */
    double ratio; /* eps of the transform over that of the promise */
    unsigned char *row_twiddles, *col_twiddles, *spectrum, *taps, *zeros, *spaces;
    size_t block_bytes, scratch_bytes, pointers_bytes, stage_bytes, cells_bytes, shift_bytes, bounds_bytes,
        places_bytes, sizes_bytes, squares_bytes, space_bytes;
    unsigned char *ends;      /* of each task; NULL where none may be left */
    size_t mended_share;      /* of lots, up to one of so many is light and mended */
    int sums_slow, sums_left; /* what a transform would be slow at, or leave, is summed directly */
    const size_t *list;       /* the tasks, NULL for all */
    size_t workers;
    unsigned char *memory;
} fc_fft_job;

/*
 * What a worker has to itself: the block, which also serves the direct kernel, and for each side rows, staged cells,
 * sums and bounds.
 */
typedef struct fc_fft_space {
    unsigned char *block, *scratch;
    size_t *sorted; /* how many places and sizes are there */
    int *turned;    /* whether the kernel with its rows backwards is there */
    unsigned char *backwards;
    fc_sparse_place *places;
    unsigned char *sizes;
    fc_fft_cells *taken;
    double *of_rows, *of_cols; /* squares of cells, where the kernel is narrow */
    const void **rows[2];
    unsigned char *stage[2], *cells[2];
    unsigned char *shift[2], *bare[2]; /* what a group's columns are shifted by, and what is 0 then */
    fc_fft_bounds bounds[2];
} fc_fft_space;

/* Outputs of the blocks of a task; a side that has no block has no rows. */
typedef struct fc_fft_blocks {
    fc_rect rect[2];
    ptrdiff_t channel;
} fc_fft_blocks;

/* Columns [col, col + cols) of the group at col of `all`. */
static inline ptrdiff_t fc_fft_group(ptrdiff_t all, size_t col) {
    return fc_min(fc_max(all - (ptrdiff_t)col, 0), FC_FFT_GROUP);
}

/* ---------------------------------------------------------------- fft.c */

fc_fft_columns fc_fft_columns_of(const fc_fft_job *j, const fc_fft_space *s, size_t col, const ptrdiff_t *cols);

/* ---------------------------------------------------------------- fft_load.c */

/* Whether a side's block reaches over the edge of an image between zeros, whose middle is taken off its own cells only.
 */
int fc_fft_at_edge(const fc_fft_job *j, const fc_fft_blocks *b, size_t side);
/* What the transform takes off the cells of a side. */
double fc_fft_middle(const fc_fft_space *s, const fc_fft_blocks *b, size_t side);
/* Sets s->rows[side] to the cells of a group of columns; how many columns they have. */
ptrdiff_t fc_fft_source(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t col);
size_t fc_fft_source_rows(const fc_fft_job *j, const fc_fft_blocks *b, size_t side);
/* Takes a group of columns into a side's bounds; then the sums of its windows. */
void fc_fft_survey_group(
    const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t col, ptrdiff_t cols);
void fc_fft_sum_side(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side, int together);
/*
 * The cells of both blocks, transformed along columns. A first time (taken NULL) it also surveys them; 0 where some
 * are not finite. Then those that stand out are taken; 0 where they are too many.
 */
int fc_fft_load(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, fc_fft_cells *taken);
/* Takes the cells of both blocks beyond the limit of s->taken, without a transform; 0 where they are too many. */
int fc_fft_take_all(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b);

/* ---------------------------------------------------------------- fft_block.c */

/* How a task is likely to end: summed where only weighing shows that most of its outputs are heavy enough. */
fc_fft_end fc_fft_look(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b);
/* One task. */
fc_fft_end fc_fft_run_blocks(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b);

/* ---------------------------------------------------------------- fft_mend.c */

/* Whether all windows of a side, or of both, are known to weigh as much as this. */
int fc_fft_heavy(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, double weight);
/* Whether the plain sums of tiles show that of most lots of outputs. */
int fc_fft_most_clear(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, double weight);
/*
 * Marks the lots of outputs that weigh less, as far as their largest taps tell. 0 as soon as these are more than one
 * of `share`, those whose windows hold nothing but zeros left out. step: looks at every so many columns of lots only.
 */
int fc_fft_find_lots(
    const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, double weight, size_t share, size_t step);
/* Sums again the outputs of marked lots that do not weigh as much. */
void fc_fft_mend(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, double weight);

#endif
