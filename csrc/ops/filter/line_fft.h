/* SPDX-License-Identifier: MIT */
/*
 * Kernels of one row or one column by one-dimensional Fourier transforms. A line of cells along the kernel is cut into
 * overlapping segments (overlap-save). Two segments of real cells are the real and the imaginary part of one transform,
 * and as many transforms as a vector has lanes make a batch. All of it is in double.
 */
#ifndef FC_OPS_FILTER_LINE_FFT_H
#define FC_OPS_FILTER_LINE_FFT_H

#include "ops/filter/fft.h"

/* ---------------------------------------------------------------- line_fft.c */

typedef struct fc_line_cut {
    int down;                    /* lines are columns */
    size_t taps, length;         /* of the kernel; of a transform */
    ptrdiff_t outs, segments;    /* outputs of a segment, fewer in the last one; segments of a line */
    ptrdiff_t across, along;     /* of a task: pixels of lines side by side, and segments of each */
    size_t width;                /* lines that a pixel of a task gives */
    ptrdiff_t strips, stretches; /* tasks side by side and one behind the other, of one channel where width is 1 */
    size_t tasks;
    double cycles;
} fc_line_cut;

/* ---------------------------------------------------------------- line_plan.c */

/* The cheapest length of transforms; 0 where none serves. */
int fc_line_plan(const fc_filter *f, fc_line_cut *cut);

/* ---------------------------------------------------------------- line_bounds.c */

/*
 * What outputs weigh at least, |cells| * |kernel|. Cells are added up in tiles. The plain sum of a window, each cell
 * cut to what most of them do not pass, weighs least where its cells meet the smallest taps; or each tile's sum counts
 * times the smallest tap that its cells meet under any output of a tile, which tells more of Gaussians.
 */
typedef struct fc_line_bounds {
    const fc_filter *f;
    size_t taps, tile, count; /* cells of a tile; coarse taps */
    fc_fft_taps sizes;
    long double total; /* the sum of the taps */
    int stands_out;    /* a tap is larger than half of the norm */
    double *coarse;    /* `count` smallest taps */
} fc_line_bounds;

/* What a segment's cells are like. */
typedef struct fc_line_cells {
    double cap;             /* what most sizes do not pass */
    double squares, middle; /* of the cells beside their middle, which the transform takes off */
    int finite, whole;      /* whole: and so is the kernel */
} fc_line_cells;

size_t fc_line_coarse_taps(size_t taps);
/* Of the kernel of f, of real floats; coarse: room for fc_line_coarse_taps(taps) doubles. */
void fc_line_know_taps(const fc_filter *f, size_t taps, double *coarse, fc_line_bounds *b);
void fc_line_know_cells(const fc_line_bounds *b, const void *cells, size_t n, fc_line_cells *known);
/* What the error of sums may be, over the eps of double; squares: of all cells and of all sums of a transform. */
double fc_line_error(const fc_line_bounds *b, size_t length, const double *squares, double middle);
size_t fc_line_room(size_t taps, size_t length);
/*
 * Sums again, by the definition, all outputs that may weigh less than `weight`, of n; room: fc_line_room doubles.
 */
void fc_line_mend(
    const fc_line_bounds *b, const void *cells, size_t n, double cap, double weight, double *room, void *outs);

#endif
