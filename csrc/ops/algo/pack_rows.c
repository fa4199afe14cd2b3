/* SPDX-License-Identifier: MIT */
/* Rows of G, for the kernel gradient. */
#include <string.h>

#include "core/size.h"
#include "ops/algo/gather.h"

/* A piece of a row of G with contiguous channels: what tap row `s` gives to k0 <= k < k1. */
static void gather_tap_row(const fc_conv_view *v, fc_origin at, ptrdiff_t s, size_t k0, size_t k1, char *dst) {
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype), row = at.row + s * v->rows.step;
    size_t k = (size_t)(s * v->cols.count * v->src.c);
    for (ptrdiff_t t = 0; t < v->cols.count; t++, k += (size_t)v->src.c) {
        size_t begin = k0 > k ? k0 - k : 0, end = k1 < k + (size_t)v->src.c ? (k1 > k ? k1 - k : 0) : (size_t)v->src.c;
        if (begin >= end)
            continue;
        ptrdiff_t col = at.col + t * v->cols.step;
        char *to = dst + (ptrdiff_t)(k + begin - k0) * size;
        if (fc_inside(row, v->src.h) && fc_inside(col, v->src.w))
            fc_copy_elements(to, at.image + (row * v->src.h_pitch + col * v->src.w_pitch + (ptrdiff_t)begin) * size, (end - begin) * (size_t)size);
        else
            memset(to, 0, (end - begin) * (size_t)size);
    }
}

/* Rows of G with contiguous channels. Where neighbouring taps are neighbours in memory, a tap row is one run. */
static void gather_rows_by_channels(const fc_gather *g, size_t pixel, size_t count, size_t k0, size_t k1, size_t pitch, char *dst) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    const size_t run = (size_t)(v->cols.count * v->src.c), first = k0 / run, end = (k1 + run - 1) / run;
    const int joined = v->cols.step == 1 && v->src.w_pitch == v->src.c && k0 % run == 0 && k1 % run == 0 && end - first <= FC_MAX_PANEL;
    ptrdiff_t offsets[FC_MAX_PANEL];
    fc_origin at[FC_MAX_PANEL];
    fc_find_origins(g, pixel, count, count, at);
    for (size_t s = first; joined && s < end; s++)
        offsets[s - first] = (ptrdiff_t)s * v->rows.step * v->src.h_pitch * size;
    for (size_t i = 0; i < count; i++, dst += pitch * (size_t)size) {
        const ptrdiff_t top = at[i].row + (ptrdiff_t)first * v->rows.step, bottom = at[i].row + (ptrdiff_t)(end - 1) * v->rows.step;
        if (joined && fc_inside(top, v->src.h) && fc_inside(bottom, v->src.h) && fc_interior(v, at[i].col))
            g->kernels->copy_rows(dst, run * (size_t)size, at[i].image + (at[i].row * v->src.h_pitch + at[i].col * v->src.w_pitch) * size,
                                  offsets, end - first, run * (size_t)size);
        else
            for (size_t s = first; s < end; s++)
                gather_tap_row(v, at[i], (ptrdiff_t)s, k0, k1, dst);
    }
}

/* Channels apart, stride 1: pixel runs of up to FC_MAX_PANEL taps at a time, transposed into the rows. */
static void gather_run_transposed(const fc_gather *g, fc_origin from, size_t run, size_t k0, size_t k1, size_t pitch, char *dst) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    fc_transpose_fn *transpose = fc_transpose_of(g->kernels, (size_t)size);
    fc_tap k_at = fc_tap_at(v, k0);
    for (size_t k = k0; k < k1;) {
        const void *rows[FC_MAX_PANEL];
        size_t taps = 0, first = k;
        for (; taps < FC_MAX_PANEL && k < k1; taps++, k++, fc_tap_next(v, &k_at)) {
            ptrdiff_t row = from.row + k_at.s * v->rows.step, col = from.col + k_at.t * v->cols.step;
            rows[taps] = fc_inside(row, v->src.h) ? from.image + (row * v->src.h_pitch + col * v->src.w_pitch + k_at.c * v->src.c_pitch) * size : fc_zeros;
        }
        transpose(dst + (first - k0) * (size_t)size, pitch, rows, taps, run);
    }
}

static void gather_run_by_element(const fc_conv_view *v, fc_origin from, size_t count, size_t k0, size_t k1, size_t pitch, char *dst) {
    const size_t size = fc_dtype_size(v->dtype);
    for (size_t i = 0; i < count; i++) {
        fc_tap k_at = fc_tap_at(v, k0);
        for (size_t k = k0; k < k1; k++, fc_tap_next(v, &k_at))
            fc_gather_element(v, from, from.row + k_at.s * v->rows.step, from.col + (ptrdiff_t)i * v->cols.stride + k_at.t * v->cols.step, k_at.c,
                       dst + (i * pitch + k - k0) * size);
    }
}

static void gather_rows(const fc_gather *g, size_t pixel, size_t count, size_t k0, size_t k1, size_t pitch, char *dst) {
    const fc_conv_view *v = g->view;
    const size_t row_bytes = pitch * fc_dtype_size(v->dtype);
    const int neighbours = v->cols.stride * v->src.w_pitch == 1;
    if (v->src.c_pitch == 1 && !neighbours) {
        gather_rows_by_channels(g, pixel, count, k0, k1, pitch, dst);
        return;
    }
    fc_segment segments[FC_MAX_PANEL];
    for (size_t m = 0, found = fc_find_segments(g, pixel, count, segments); m < found; m++) {
        const fc_segment *s = &segments[m];
        if (s->interior && neighbours)
            gather_run_transposed(g, s->from, s->count, k0, k1, pitch, dst + s->begin * row_bytes);
        else
            gather_run_by_element(v, s->from, s->count, k0, k1, pitch, dst + s->begin * row_bytes);
    }
}

void fc_pack_gather_rows(const fc_gather *g, size_t pixel, size_t count, size_t k0, size_t k1, size_t pitch, void *raw, void *dst) {
    const fc_conv_view *v = g->view;
    const int half = fc_is_half(v->dtype);
    const size_t row_bytes = pitch * fc_dtype_size(v->dtype), used = (k1 - k0) * fc_dtype_size(v->dtype);
    char *target = half ? raw : dst;
    for (size_t begin = 0; begin < count; begin += FC_MAX_PANEL) {
        size_t n = count - begin < FC_MAX_PANEL ? count - begin : FC_MAX_PANEL;
        char *rows = target + begin * row_bytes;
        gather_rows(g, pixel + begin, n, k0, k1, pitch, rows);
        for (size_t i = 0; i < n && row_bytes > used; i++)
            fc_copy_elements(rows + i * row_bytes + used, fc_zeros, row_bytes - used);
    }
    if (half)
        fc_widen(g->kernels, v->dtype, raw, dst, count * pitch);
}
