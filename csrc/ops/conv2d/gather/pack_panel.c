/* SPDX-License-Identifier: MIT */
/* Panels of pixels, for the forward pass and the input gradient. */
#include <string.h>

#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

/* `length` elements from k on, of each pixel: transposed into the panel. Runs over FC_ZERO_BYTES are cut, as pixels
 * outside read zeros. */
static void panel_run(const fc_gather *g, const char *const *from, size_t panel, size_t length, char *dst) {
    const size_t size = fc_dtype_size(g->view->dtype), longest = FC_ZERO_BYTES / size;
    fc_transpose_fn *transpose = fc_transpose_of(g->kernels, size);
    const void *piece[FC_MAX_PANEL];
    for (size_t begin = 0; begin < length; begin += longest) {
        size_t n = length - begin < longest ? length - begin : longest;
        for (size_t i = 0; i < panel; i++)
            piece[i] = from[i] ? from[i] + begin * size : fc_zeros;
        transpose(dst + begin * panel * size, panel, piece, panel, n);
    }
}

/* Channels contiguous: per tap (per tap row, where neighbouring taps are neighbours in memory) a run along k. */
static void pixel_panel_by_channels(
    const fc_gather *g, size_t pixel, size_t count, size_t panel, size_t k0, size_t k1, char *dst) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    const char *from[FC_MAX_PANEL];
    fc_origin at[FC_MAX_PANEL];
    fc_find_origins(g, pixel, count, panel, at);
    int joined = v->cols.step == 1 && v->src.w_pitch == v->src.c;
    for (size_t i = 0; joined && i < panel; i++)
        joined = !at[i].image || (at[i].col >= 0 && at[i].col + v->cols.count <= v->src.w);
    const ptrdiff_t runs = joined ? 1 : v->cols.count;
    const size_t run = (size_t)(joined ? v->cols.count * v->src.c : v->src.c);
    size_t k = 0;
    for (ptrdiff_t s = 0; s < v->rows.count; s++)
        for (ptrdiff_t t = 0; t < runs; t++, k += run) {
            size_t begin = k0 > k ? k0 - k : 0, end = k1 < k + run ? (k1 > k ? k1 - k : 0) : run;
            if (begin >= end)
                continue;
            for (size_t i = 0; i < panel; i++) {
                ptrdiff_t row = at[i].row + s * v->rows.step, col = at[i].col + t * v->cols.step;
                int there = at[i].image && fc_inside(row, v->src.h) && fc_inside(col, v->src.w);
                from[i] = there ? at[i].image + (row * v->src.h_pitch + col * v->src.w_pitch + (ptrdiff_t)begin) * size
                                : NULL;
            }
            panel_run(g, from, panel, end - begin, dst + (k + begin - k0) * panel * (size_t)size);
        }
}

/* Part of a panel: `taps` taps of one kernel row from `first` on, for the pixels of one segment. */
static void panel_segment(const fc_gather *g, const fc_segment *s, fc_tap first, size_t taps, const ptrdiff_t *offsets,
    size_t panel, char *dst) {
    const fc_conv_view *v = g->view;
    const size_t size = fc_dtype_size(v->dtype), bytes = s->count * size;
    const fc_origin from = s->from;
    const ptrdiff_t row = from.row + first.s * v->rows.step;
    if (!fc_inside(row, v->src.h)) {
        for (size_t k = 0; k < taps; k++)
            memset(dst + k * panel * size, 0, bytes);
    } else if (s->interior && v->cols.stride * v->src.w_pitch == 1) {
        g->kernels->copy_rows(dst, panel * size,
            from.image + (row * v->src.h_pitch + from.col * v->src.w_pitch) * (ptrdiff_t)size, offsets, taps, bytes);
    } else {
        for (size_t k = 0; k < taps; k++, fc_tap_next(v, &first))
            for (size_t i = 0; i < s->count; i++)
                fc_gather_element(v, from, row, from.col + first.t * v->cols.step + (ptrdiff_t)i * v->cols.stride,
                    first.c, dst + (k * panel + i) * size);
    }
}

/* Channels apart: a row of the panel is one tap and channel. */
static void pixel_panel_by_rows(
    const fc_gather *g, size_t pixel, size_t count, size_t panel, size_t k0, size_t k1, char *dst) {
    const fc_conv_view *v = g->view;
    const size_t size = fc_dtype_size(v->dtype);
    ptrdiff_t offsets[FC_MAX_PANEL];
    fc_segment segments[FC_MAX_PANEL];
    const size_t found = fc_find_segments(g, pixel, count, segments);
    fc_tap k_at = k1 > k0 ? fc_tap_at(v, k0) : (fc_tap){0, 0, 0};
    for (size_t k = k0; k < k1;) {
        const fc_tap first = k_at;
        size_t taps = 0;
        for (; taps < FC_MAX_PANEL && k < k1 && k_at.s == first.s; k++, fc_tap_next(v, &k_at))
            offsets[taps++] = (k_at.t * v->cols.step * v->src.w_pitch + k_at.c * v->src.c_pitch) * (ptrdiff_t)size;
        char *to = dst + (k - taps - k0) * panel * size;
        for (size_t m = 0; m < found; m++)
            panel_segment(g, &segments[m], first, taps, offsets, panel, to + segments[m].begin * size);
        for (size_t i = 0; count < panel && i < taps; i++)
            memset(to + (i * panel + count) * size, 0, (panel - count) * size);
    }
}

void fc_pack_pixel_panel(
    const fc_gather *g, size_t pixel, size_t count, size_t panel, size_t k0, size_t k1, void *raw, void *dst) {
    const fc_conv_view *v = g->view;
    const int half = fc_is_half(v->dtype);
    void *target = half ? raw : dst;
    if (v->src.c_pitch == 1 && v->src.w_pitch * v->cols.stride != 1)
        pixel_panel_by_channels(g, pixel, count, panel, k0, k1, target);
    else
        pixel_panel_by_rows(g, pixel, count, panel, k0, k1, target);
    if (half)
        fc_widen(g->kernels, v->dtype, raw, dst, (k1 - k0) * panel);
}
