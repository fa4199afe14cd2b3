/* SPDX-License-Identifier: MIT */
/* Rows of G, for the kernel gradient. */
#include <string.h>

#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

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
            fc_copy_elements(to, at.image + (row * v->src.h_pitch + col * v->src.w_pitch + (ptrdiff_t)begin) * size,
                (end - begin) * (size_t)size);
        else
            memset(to, 0, (end - begin) * (size_t)size);
    }
}

/* Rows of G with contiguous channels. Where neighbouring taps are neighbours in memory, a tap row is one run. */
static void gather_rows_by_channels(
    const fc_gather *g, size_t pixel, size_t count, size_t k0, size_t k1, size_t pitch, char *dst) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    const size_t run = (size_t)(v->cols.count * v->src.c), first = k0 / run, end = (k1 + run - 1) / run;
    const int joined = v->cols.step == 1 && v->src.w_pitch == v->src.c && k0 % run == 0 && k1 % run == 0 &&
        end - first <= FC_MAX_PANEL;
    ptrdiff_t offsets[FC_MAX_PANEL];
    fc_origin at[FC_MAX_PANEL];
    fc_find_origins(g, pixel, count, count, at);
    for (size_t s = first; joined && s < end; s++)
        offsets[s - first] = (ptrdiff_t)s * v->rows.step * v->src.h_pitch * size;
    for (size_t i = 0; i < count; i++, dst += pitch * (size_t)size) {
        const ptrdiff_t top = at[i].row + (ptrdiff_t)first * v->rows.step,
                        bottom = at[i].row + (ptrdiff_t)(end - 1) * v->rows.step;
        if (joined && fc_inside(top, v->src.h) && fc_inside(bottom, v->src.h) && fc_interior(v, at[i].col))
            g->kernels->copy_rows(dst, run * (size_t)size,
                at[i].image + (at[i].row * v->src.h_pitch + at[i].col * v->src.w_pitch) * size, offsets, end - first,
                run * (size_t)size);
        else
            for (size_t s = first; s < end; s++)
                gather_tap_row(v, at[i], (ptrdiff_t)s, k0, k1, dst);
    }
}

/* Up to FC_MAX_PANEL neighbouring k: where each reads from a pixel's origin, in bytes. */
typedef struct tap_block {
    size_t k, count;
    fc_tap first, last;
    ptrdiff_t offsets[FC_MAX_PANEL], rows[FC_MAX_PANEL];
} tap_block;

static void find_taps(const fc_conv_view *v, size_t k, size_t k1, tap_block *b) {
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    fc_tap at = fc_tap_at(v, k);
    b->k = k;
    b->first = b->last = at;
    for (b->count = 0; b->count < FC_MAX_PANEL && k < k1; b->count++, k++, fc_tap_next(v, &at)) {
        b->rows[b->count] = at.s * v->rows.step;
        b->offsets[b->count] = (at.s * v->rows.step * v->src.h_pitch + at.t * v->cols.step * v->src.w_pitch +
                                   at.c * v->src.c_pitch) *
            size;
        b->last = at;
    }
}

/* Neighbouring pixels read neighbouring cells: a run of them for each k, transposed into the rows. */
static void gather_run_transposed(
    const fc_gather *g, const fc_segment *s, const tap_block *b, size_t pitch, char *dst) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    const char *origin = s->from.image + (s->from.row * v->src.h_pitch + s->from.col * v->src.w_pitch) * size;
    const int all = fc_inside(s->from.row + b->first.s * v->rows.step, v->src.h) &&
        fc_inside(s->from.row + b->last.s * v->rows.step, v->src.h);
    const void *rows[FC_MAX_PANEL];
    for (size_t i = 0; i < b->count; i++)
        rows[i] = all || fc_inside(s->from.row + b->rows[i], v->src.h) ? origin + b->offsets[i] : fc_zeros;
    fc_transpose_of(g->kernels, (size_t)size)(dst, pitch, rows, b->count, s->count);
}

static void gather_run_by_element(
    const fc_conv_view *v, fc_origin from, size_t count, size_t k0, size_t k1, size_t pitch, char *dst) {
    const size_t size = fc_dtype_size(v->dtype);
    for (size_t i = 0; i < count; i++) {
        fc_tap k_at = fc_tap_at(v, k0);
        for (size_t k = k0; k < k1; k++, fc_tap_next(v, &k_at))
            fc_gather_element(v, from, from.row + k_at.s * v->rows.step,
                from.col + (ptrdiff_t)i * v->cols.stride + k_at.t * v->cols.step, k_at.c,
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
    tap_block block;
    const size_t found = fc_find_segments(g, pixel, count, segments);
    for (size_t m = 0; m < found; m++)
        if (!segments[m].interior || !neighbours)
            gather_run_by_element(
                v, segments[m].from, segments[m].count, k0, k1, pitch, dst + segments[m].begin * row_bytes);
    for (size_t k = k0; neighbours && k < k1; k += block.count) {
        find_taps(v, k, k1, &block);
        for (size_t m = 0; m < found; m++)
            if (segments[m].interior)
                gather_run_transposed(g, &segments[m], &block, pitch,
                    dst + segments[m].begin * row_bytes + (k - k0) * fc_dtype_size(v->dtype));
    }
}

void fc_pack_gather_rows(
    const fc_gather *g, size_t pixel, size_t count, size_t k0, size_t k1, size_t pitch, void *raw, void *dst) {
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
