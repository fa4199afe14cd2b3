/* SPDX-License-Identifier: MIT */
/*
 * A filter by one transform that holds the whole image and the zeros around it. Where kernels are about as large as the
 * image, most windows lie half outside: cut into blocks, the zeros would be transformed too, and outputs at the edges,
 * whose windows hold few cells, would be too light for the noise of those that hold many.
 */
#ifndef FC_OPS_FILTER_FFT_WHOLE_H
#define FC_OPS_FILTER_FFT_WHOLE_H

#include "ops/filter/fft.h"

/* ---------------------------------------------------------------- fft_light.c */

/* Of one row of outputs of a group of columns: those that are too light lie in [first, end). */
typedef struct fc_fft_span {
    unsigned char first, end;
} fc_fft_span;

/* Multiplications that direct sums of these outputs take, by the taps that meet the image. */
double fc_fft_light_products(const fc_filter *f, const fc_fft_span *spans, size_t groups);
/* Sums them; spans[group * out_h + row]. */
fc_status fc_fft_sum_light(const fc_filter *f, const fc_fft_span *spans, size_t groups);

/* ---------------------------------------------------------------- fft_image.c */

/* What the image's cells are like. */
enum { FC_FFT_IMAGE_ROWS = FC_FFT_LAGS + 1 }; /* that are looked at together */
typedef struct fc_fft_image {
    double middle; /* taken off them, a number of few digits; 0 of complex ones */
    double size;   /* the mean of their sizes */
    int whole, one_sign;
    double coherence; /* share of their size, without the middle, that is in waves or slopes and not in noise */
    double limit;     /* cells beyond it stand out */
} fc_fft_image;

/*
 * Looks at all cells; those that stand out, no more than may be added to a sum, go to the list, places counted from the
 * first output's window. stage: as fc_filter_source takes it, for as many rows. 0 where a transform of the whole image
 * does not serve: they are too many, or most cells are far smaller than a few.
 */
int fc_fft_know_image(const fc_filter *f, void *stage, fc_fft_image *image, fc_fft_cells *taken);

/* ---------------------------------------------------------------- fft_plan.c */

/* What blocks take with their bounds, in the cycles that they are cut by. */
double fc_fft_blocks_cycles(const fc_filter *f, const fc_fft_cut *blocks);
/* The transform's size and cycles; 0 where there is none. */
int fc_fft_plan_whole(const fc_filter *f, fc_fft_cut *whole);

/* ---------------------------------------------------------------- fft_whole.c */

/* *done: 0 where the image is left to blocks. */
fc_status fc_fft_run_whole(const fc_filter *f, const fc_fft_cut *cut, const fc_fft_taps *taps, int *done);

#endif
