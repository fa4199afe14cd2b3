/* SPDX-License-Identifier: MIT */
/* A transform of a whole image while it runs. */
#ifndef FC_OPS_FILTER_FFT_WHOLE_JOB_H
#define FC_OPS_FILTER_FFT_WHOLE_JOB_H

#include <math.h>

#include "core/size.h"
#include "ops/filter/fft_whole.h"

typedef struct fc_fft_whole {
    const fc_filter *f;
    const fc_fft *fft;
    const fc_fft_cut *cut;
    const fc_fft_taps *taps;
    fc_fft_narrow narrow;
    const fc_fft_cells *taken;
    fc_fft_image image;
    fc_fft_edges edges; /* where image.middle is not 0 */
    size_t part, groups;
    size_t pointers_bytes, cells_bytes, stage_bytes, scratch_bytes, space_bytes, workers;
    unsigned char *memory, *row_twiddles, *col_twiddles, *zeros, *backwards, *block, *spectrum, *spaces;
    double *energy;            /* two of each group of rows */
    double *of_rows, *of_cols; /* squares of cells, of the rows of each group of columns; NULL where the kernel is not
                                  narrow */
    int *failed;               /* of each group of columns: numbers are not finite */
    int sizes;                 /* |image| * |kernel| is transformed */
    int whole;                 /* sums are rounded to whole numbers */
    double least;              /* weight that outputs have to have, and more for what is added to their sums */
    fc_fft_span *spans;
} fc_fft_whole;

typedef struct fc_fft_whole_space {
    const void **re, **im;
    unsigned char *cells, *stage, *scratch;
} fc_fft_whole_space;

/* What worker `worker` has to itself. */
fc_fft_whole_space fc_fft_whole_space_of(const fc_fft_whole *j, size_t worker);
/* Columns [from, from + GROUP) of the block, `cols` of which are read or stored. */
fc_fft_columns fc_fft_whole_columns(const fc_fft_whole *j, const fc_fft_whole_space *s, size_t from, size_t cols);

/* ---------------------------------------------------------------- fft_whole_load.c */

/* Tasks of groups of columns: of the kernel, turned round the block, and of the image, cells that were taken left out.
 */
void fc_fft_whole_load_taps(void *job, size_t task, size_t worker);
void fc_fft_whole_load_cells(void *job, size_t task, size_t worker);

/* ---------------------------------------------------------------- fft_whole_store.c */

/* Of 32 eps: what is left to a transform alone, and to one whose sums products are added to. */
#define FC_FFT_WHOLE_PROMISE 30
#define FC_FFT_WHOLE_PROMISE_ADDED 20
/* Roundings that a sum of middle times taps brings: of the sum, the product and the addition. */
#define FC_FFT_WHOLE_SHIFTED 1.5

/* The weight that outputs have to have for it, beside their least, over the size of the sum of taps that meet the
 * image. */
static inline double fc_fft_whole_shifted(const fc_fft_whole *j) {
    return FC_FFT_WHOLE_SHIFTED / FC_FFT_WHOLE_PROMISE_ADDED * fabs(j->image.middle);
}

/* A task of a group of columns of the results, or of what they weigh: stores them and marks those too light. */
void fc_fft_whole_store(void *job, size_t task, size_t worker);

/* ---------------------------------------------------------------- fft_plain.c */

/* Unmarks those of real numbers that weigh enough by the plain sums of their windows. */
void fc_fft_clear_plain(fc_fft_whole *j);

#endif
