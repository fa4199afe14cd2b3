/* SPDX-License-Identifier: MIT */
/* What the packers share: where pixels and taps of a view lie. */
#ifndef FC_OPS_CONV2D_GATHER_GATHER_H
#define FC_OPS_CONV2D_GATHER_GATHER_H

#include "ops/conv2d/view.h"

enum { FC_MAX_PANEL = 64, FC_ZERO_BYTES = 4096 };
extern const char fc_zeros[FC_ZERO_BYTES];

/* G of one group: `src` points at the group's first channel. */
typedef struct fc_gather {
    const fc_conv_view *view;
    const fc_kernels *kernels;
    const char *src;
} fc_gather;

/* Where output pixel `pixel` lies in the output tensor, in elements. */
typedef struct fc_pixel {
    ptrdiff_t n, row, col;
} fc_pixel;
fc_pixel fc_pixel_at(const fc_conv_view *view, size_t pixel);
void fc_pixel_next(const fc_conv_view *view, fc_pixel *at);

/* Pixels [begin, begin + count) of a panel that follow one another in one row of the output; across_rows: in one image.
 */
typedef struct fc_run {
    size_t begin, count;
    fc_pixel at;
} fc_run;
/* Cuts at most FC_MAX_PANEL pixels into runs and gives their number. */
size_t fc_find_runs(const fc_conv_view *view, size_t pixel, size_t count, int across_rows, fc_run *runs);

/* Where a pixel reads under tap (0, 0); image == NULL for one past the last. */
typedef struct fc_origin {
    const char *image;
    ptrdiff_t row, col;
} fc_origin;
/* The origins of `count` pixels, NULL up to `panel`. */
void fc_find_origins(const fc_gather *g, size_t pixel, size_t count, size_t panel, fc_origin *at);

/* Pixels that follow one another in one row of the output, either all with every tap column inside the image or none.
 */
typedef struct fc_segment {
    size_t begin, count;
    int interior;
    fc_origin from;
} fc_segment;
/* Cuts at most FC_MAX_PANEL pixels into segments and gives their number. */
size_t fc_find_segments(const fc_gather *g, size_t pixel, size_t count, fc_segment *segments);

/* k as a tap and a channel, moved along in step with k. */
typedef struct fc_tap {
    ptrdiff_t s, t, c;
} fc_tap;
static inline fc_tap fc_tap_at(const fc_conv_view *v, size_t k) {
    const size_t c = (size_t)v->src.c, cols = (size_t)v->cols.count;
    return (fc_tap){(ptrdiff_t)(k / c / cols), (ptrdiff_t)(k / c % cols), (ptrdiff_t)(k % c)};
}

static inline void fc_tap_next(const fc_conv_view *v, fc_tap *at) {
    if (++at->c < v->src.c)
        return;
    at->c = 0;
    if (++at->t < v->cols.count)
        return;
    at->t = 0;
    at->s++;
}

/* dst[0] = the element at a row, column and channel, 0 outside. */
void fc_gather_element(const fc_conv_view *view, fc_origin at, ptrdiff_t row, ptrdiff_t col, ptrdiff_t c, char *dst);

static inline int fc_inside(ptrdiff_t index, ptrdiff_t size) { return (size_t)index < (size_t)size; }

/* Whether every tap column of a pixel that reads at `col` lies inside. */
int fc_interior(const fc_conv_view *view, ptrdiff_t col);

#endif
