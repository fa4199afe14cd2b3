/* SPDX-License-Identifier: MIT */
#include "ops/algo/pack.h"

#include <string.h>

#include "core/size.h"

enum { ZERO_BYTES = 4096 };
static const char zeros[ZERO_BYTES];

fc_transpose_fn *fc_transpose_of(const fc_kernels *kernels, size_t element_size) {
    return element_size == 2 ? kernels->transpose_b16 : element_size == 4 ? kernels->transpose_b32 : kernels->transpose_b64;
}

void fc_widen(const fc_kernels *kernels, fc_dtype dtype, const void *raw, void *dst, size_t count) {
    (dtype == FC_F16 ? kernels->widen_f16 : kernels->widen_bf16)(raw, dst, count);
}

void fc_copy_elements(void *dst_, const void *src_, size_t bytes) {
    char *dst = dst_;
    const char *src = src_;
    if (bytes >= 16) {      /* the last 16 overlap what is already there */
        for (size_t i = 0; i + 16 < bytes; i += 16)
            memcpy(dst + i, src + i, 16);
        memcpy(dst + bytes - 16, src + bytes - 16, 16);
        return;
    }
    if (bytes & 8) {
        memcpy(dst, src, 8);
        dst += 8, src += 8;
    }
    if (bytes & 4) {
        memcpy(dst, src, 4);
        dst += 4, src += 4;
    }
    if (bytes & 2)
        memcpy(dst, src, 2);
}

static inline void copy_one(char *dst, const char *src, size_t size) {
    if (size == 4)
        memcpy(dst, src, 4);
    else if (size == 8)
        memcpy(dst, src, 8);
    else
        memcpy(dst, src, 2);
}

fc_pixel fc_pixel_at(const fc_conv_view *v, size_t pixel) {
    size_t row = pixel / (size_t)v->dst.w;
    return (fc_pixel){(ptrdiff_t)(row / (size_t)v->dst.h), (ptrdiff_t)(row % (size_t)v->dst.h), (ptrdiff_t)(pixel % (size_t)v->dst.w)};
}

void fc_pixel_next(const fc_conv_view *v, fc_pixel *at) {
    if (++at->col == v->dst.w) {
        at->col = 0;
        if (++at->row == v->dst.h) {
            at->row = 0;
            at->n++;
        }
    }
}

size_t fc_find_runs(const fc_conv_view *v, size_t pixel, size_t count, int across_rows, fc_run *runs) {
    fc_pixel at = fc_pixel_at(v, pixel);
    size_t found = 0;
    for (size_t begin = 0; begin < count; found++) {
        size_t left = count - begin, room = (size_t)(across_rows ? (v->dst.h - at.row) * v->dst.w - at.col : v->dst.w - at.col);
        runs[found] = (fc_run){begin, left < room ? left : room, at};
        begin += runs[found].count;
        at.col = 0;
        if (across_rows || ++at.row == v->dst.h) {
            at.row = 0;
            at.n++;
        }
    }
    return found;
}

/* Where each pixel of a panel reads under tap (0, 0); image == NULL past the last pixel. */
typedef struct origin { const char *image; ptrdiff_t row, col; } origin;

static void find_origins(const fc_gather *g, size_t pixel, size_t count, size_t panel, origin *at) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    fc_pixel p = fc_pixel_at(v, pixel);
    for (size_t i = 0; i < panel; i++)
        at[i] = (origin){NULL, 0, 0};
    for (size_t i = 0; i < count; i++, fc_pixel_next(v, &p))
        at[i] = (origin){g->src + p.n * v->src.n_pitch * size, p.row * v->rows.stride + v->rows.first, p.col * v->cols.stride + v->cols.first};
}

static int inside(ptrdiff_t index, ptrdiff_t size) { return (size_t)index < (size_t)size; }

/* `length` elements from k on, of each pixel: transposed into the panel. Runs over ZERO_BYTES are cut, as pixels outside read zeros. */
static void panel_run(const fc_gather *g, const char *const *from, size_t panel, size_t length, char *dst) {
    const size_t size = fc_dtype_size(g->view->dtype), longest = ZERO_BYTES / size;
    fc_transpose_fn *transpose = fc_transpose_of(g->kernels, size);
    const void *piece[FC_MAX_PANEL];
    for (size_t begin = 0; begin < length; begin += longest) {
        size_t n = length - begin < longest ? length - begin : longest;
        for (size_t i = 0; i < panel; i++)
            piece[i] = from[i] ? from[i] + begin * size : zeros;
        transpose(dst + begin * panel * size, panel, piece, panel, n);
    }
}

/* Channels contiguous: per tap (per tap row, where neighbouring taps are neighbours in memory) a run along k. */
static void pixel_panel_by_channels(const fc_gather *g, size_t pixel, size_t count, size_t panel, size_t k0, size_t k1, char *dst) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    const char *from[FC_MAX_PANEL];
    origin at[FC_MAX_PANEL];
    find_origins(g, pixel, count, panel, at);
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
                int there = at[i].image && inside(row, v->src.h) && inside(col, v->src.w);
                from[i] = there ? at[i].image + (row * v->src.h_pitch + col * v->src.w_pitch + (ptrdiff_t)begin) * size : NULL;
            }
            panel_run(g, from, panel, end - begin, dst + (k + begin - k0) * panel * (size_t)size);
        }
}

/* Pixels that follow one another in one row of the output, either all with every tap column inside the image or none. */
typedef struct segment { size_t begin, count; int interior; origin from; } segment;

/* How many of n >= 0 pixels from column `col` on lie before the first one at or past `limit`. */
static ptrdiff_t pixels_before(ptrdiff_t col, ptrdiff_t limit, ptrdiff_t stride, ptrdiff_t n) {
    return limit <= col ? 0 : fc_min((limit - col - 1) / stride + 1, n);
}

static size_t find_segments(const fc_gather *g, size_t pixel, size_t count, segment *segments) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t reach = (v->cols.count - 1) * v->cols.step, left = -fc_min(reach, 0), right = v->src.w - fc_max(reach, 0);
    fc_run runs[FC_MAX_PANEL];
    size_t found = 0;
    for (size_t r = 0, all = fc_find_runs(v, pixel, count, 0, runs); r < all; r++) {
        const ptrdiff_t n = (ptrdiff_t)runs[r].count, col = runs[r].at.col * v->cols.stride + v->cols.first;
        const ptrdiff_t before = pixels_before(col, left, v->cols.stride, n);
        const ptrdiff_t ends[] = {before, fc_max(pixels_before(col, right, v->cols.stride, n), before), n};
        origin from = {g->src + runs[r].at.n * v->src.n_pitch * (ptrdiff_t)fc_dtype_size(v->dtype), runs[r].at.row * v->rows.stride + v->rows.first, col};
        for (ptrdiff_t part = 0, begin = 0; part < 3; begin = ends[part++]) {
            if (ends[part] == begin)
                continue;
            from.col = col + begin * v->cols.stride;
            segments[found++] = (segment){runs[r].begin + (size_t)begin, (size_t)(ends[part] - begin), part == 1, from};
        }
    }
    return found;
}

static void element_at(const fc_conv_view *v, origin at, ptrdiff_t row, ptrdiff_t col, ptrdiff_t c, char *dst) {
    const size_t size = fc_dtype_size(v->dtype);
    int there = at.image && inside(row, v->src.h) && inside(col, v->src.w);
    copy_one(dst, there ? at.image + (row * v->src.h_pitch + col * v->src.w_pitch + c * v->src.c_pitch) * (ptrdiff_t)size : zeros, size);
}

/* k as a tap and a channel, moved along in step with k. */
typedef struct tap { ptrdiff_t s, t, c; } tap;
static tap tap_at(const fc_conv_view *v, size_t k) {
    size_t c = (size_t)v->src.c, cols = (size_t)v->cols.count;
    return (tap){(ptrdiff_t)(k / c / cols), (ptrdiff_t)(k / c % cols), (ptrdiff_t)(k % c)};
}
static void tap_next(const fc_conv_view *v, tap *at) {
    if (++at->c == v->src.c) {
        at->c = 0;
        if (++at->t == v->cols.count) {
            at->t = 0;
            at->s++;
        }
    }
}

/* Part of a panel: the taps of one kernel row, k_end - k of them from `first` on, for the pixels of one segment. */
static void panel_segment(const fc_gather *g, const segment *s, tap first, size_t taps, const ptrdiff_t *offsets, size_t panel, char *dst) {
    const fc_conv_view *v = g->view;
    const size_t size = fc_dtype_size(v->dtype), bytes = s->count * size;
    const origin from = s->from;
    const ptrdiff_t row = from.row + first.s * v->rows.step;
    if (!inside(row, v->src.h)) {
        for (size_t k = 0; k < taps; k++)
            memset(dst + k * panel * size, 0, bytes);
    } else if (s->interior && v->cols.stride * v->src.w_pitch == 1) {
        g->kernels->copy_rows(dst, panel * size, from.image + (row * v->src.h_pitch + from.col * v->src.w_pitch) * (ptrdiff_t)size, offsets, taps, bytes);
    } else {
        for (size_t k = 0; k < taps; k++, tap_next(v, &first))
            for (size_t i = 0; i < s->count; i++)
                element_at(v, from, row, from.col + first.t * v->cols.step + (ptrdiff_t)i * v->cols.stride, first.c, dst + (k * panel + i) * size);
    }
}

/* Channels apart: a row of the panel is one tap and channel. */
static void pixel_panel_by_rows(const fc_gather *g, size_t pixel, size_t count, size_t panel, size_t k0, size_t k1, char *dst) {
    const fc_conv_view *v = g->view;
    const size_t size = fc_dtype_size(v->dtype);
    ptrdiff_t offsets[FC_MAX_PANEL];
    segment segments[FC_MAX_PANEL];
    const size_t found = find_segments(g, pixel, count, segments);
    tap k_at = k1 > k0 ? tap_at(v, k0) : (tap){0, 0, 0};
    for (size_t k = k0; k < k1;) {
        const tap first = k_at;
        size_t taps = 0;
        for (; taps < FC_MAX_PANEL && k < k1 && k_at.s == first.s; k++, tap_next(v, &k_at))
            offsets[taps++] = (k_at.t * v->cols.step * v->src.w_pitch + k_at.c * v->src.c_pitch) * (ptrdiff_t)size;
        char *to = dst + (k - taps - k0) * panel * size;
        for (size_t m = 0; m < found; m++)
            panel_segment(g, &segments[m], first, taps, offsets, panel, to + segments[m].begin * size);
        for (size_t i = 0; count < panel && i < taps; i++)
            memset(to + (i * panel + count) * size, 0, (panel - count) * size);
    }
}

void fc_pack_pixel_panel(const fc_gather *g, size_t pixel, size_t count, size_t panel, size_t k0, size_t k1, void *raw, void *dst) {
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

/* One row of G with contiguous channels: a copy a tap, or a tap row. */
static void gather_row(const fc_conv_view *v, origin at, size_t k0, size_t k1, char *dst) {
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    const int joined = v->cols.step == 1 && v->src.w_pitch == v->src.c && at.col >= 0 && at.col + v->cols.count <= v->src.w;
    const ptrdiff_t runs = joined ? 1 : v->cols.count;
    const size_t run = (size_t)(joined ? v->cols.count * v->src.c : v->src.c);
    size_t k = 0;
    for (ptrdiff_t s = 0; s < v->rows.count; s++)
        for (ptrdiff_t t = 0; t < runs; t++, k += run) {
            size_t begin = k0 > k ? k0 - k : 0, end = k1 < k + run ? (k1 > k ? k1 - k : 0) : run;
            if (begin >= end)
                continue;
            ptrdiff_t row = at.row + s * v->rows.step, col = at.col + t * v->cols.step;
            char *to = dst + (ptrdiff_t)(k + begin - k0) * size;
            if (inside(row, v->src.h) && inside(col, v->src.w))
                fc_copy_elements(to, at.image + (row * v->src.h_pitch + col * v->src.w_pitch + (ptrdiff_t)begin) * size, (end - begin) * (size_t)size);
            else
                memset(to, 0, (end - begin) * (size_t)size);
        }
}

/* Channels apart, stride 1: pixel runs of up to FC_MAX_PANEL taps at a time, transposed into the rows. */
static void gather_run_transposed(const fc_gather *g, origin from, size_t run, size_t k0, size_t k1, size_t pitch, char *dst) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    fc_transpose_fn *transpose = fc_transpose_of(g->kernels, (size_t)size);
    tap k_at = tap_at(v, k0);
    for (size_t k = k0; k < k1;) {
        const void *rows[FC_MAX_PANEL];
        size_t taps = 0, first = k;
        for (; taps < FC_MAX_PANEL && k < k1; taps++, k++, tap_next(v, &k_at)) {
            ptrdiff_t row = from.row + k_at.s * v->rows.step, col = from.col + k_at.t * v->cols.step;
            rows[taps] = inside(row, v->src.h) ? from.image + (row * v->src.h_pitch + col * v->src.w_pitch + k_at.c * v->src.c_pitch) * size : zeros;
        }
        transpose(dst + (first - k0) * (size_t)size, pitch, rows, taps, run);
    }
}

static void gather_run_by_element(const fc_conv_view *v, origin from, size_t count, size_t k0, size_t k1, size_t pitch, char *dst) {
    const size_t size = fc_dtype_size(v->dtype);
    for (size_t i = 0; i < count; i++) {
        tap k_at = tap_at(v, k0);
        for (size_t k = k0; k < k1; k++, tap_next(v, &k_at))
            element_at(v, from, from.row + k_at.s * v->rows.step, from.col + (ptrdiff_t)i * v->cols.stride + k_at.t * v->cols.step, k_at.c,
                       dst + (i * pitch + k - k0) * size);
    }
}

static void gather_rows(const fc_gather *g, size_t pixel, size_t count, size_t k0, size_t k1, size_t pitch, char *dst) {
    const fc_conv_view *v = g->view;
    const size_t row_bytes = pitch * fc_dtype_size(v->dtype);
    const int neighbours = v->cols.stride * v->src.w_pitch == 1;
    if (v->src.c_pitch == 1 && !neighbours) {
        origin at[FC_MAX_PANEL];
        find_origins(g, pixel, count, count, at);
        for (size_t i = 0; i < count; i++)
            gather_row(v, at[i], k0, k1, dst + i * row_bytes);
        return;
    }
    segment segments[FC_MAX_PANEL];
    for (size_t m = 0, found = find_segments(g, pixel, count, segments); m < found; m++) {
        const segment *s = &segments[m];
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
            memset(rows + i * row_bytes + used, 0, row_bytes - used);
    }
    if (half)
        fc_widen(g->kernels, v->dtype, raw, dst, count * pitch);
}

void fc_pack_output_rows(const fc_gather *g, const char *y, size_t pixel, size_t count, size_t o0, size_t o1, size_t pitch, void *raw, void *dst) {
    const fc_conv_view *v = g->view;
    const int half = fc_is_half(v->dtype);
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    char *target = half ? raw : dst;
    fc_transpose_fn *transpose = fc_transpose_of(g->kernels, (size_t)size);
    fc_pixel at = fc_pixel_at(v, pixel);
    for (size_t i = 0, run; i < count; i += run) {
        const char *from = y + (at.n * v->dst.n_pitch + at.row * v->dst.h_pitch + at.col * v->dst.w_pitch + (ptrdiff_t)o0 * v->dst.c_pitch) * size;
        char *to = target + i * pitch * (size_t)size;
        run = 1;
        fc_pixel_next(v, &at);
        if (v->dst.c_pitch == 1) {
            fc_copy_elements(to, from, (o1 - o0) * (size_t)size);
        } else {    /* NCHW: pixels of one image are neighbours */
            for (; i + run < count && (at.row || at.col); run++)
                fc_pixel_next(v, &at);
            for (size_t o = o0; o < o1; o += FC_MAX_PANEL) {
                const void *rows[FC_MAX_PANEL];
                size_t n = o1 - o < FC_MAX_PANEL ? o1 - o : FC_MAX_PANEL;
                for (size_t j = 0; j < n; j++)
                    rows[j] = from + (ptrdiff_t)(o - o0 + j) * v->dst.c_pitch * size;
                transpose(to + (o - o0) * (size_t)size, pitch, rows, n, run);
            }
        }
        for (size_t j = 0; j < run && pitch > o1 - o0; j++)
            memset(to + (j * pitch + o1 - o0) * (size_t)size, 0, (pitch - (o1 - o0)) * (size_t)size);
    }
    if (half)
        fc_widen(g->kernels, v->dtype, raw, dst, count * pitch);
}

void fc_pack_weight_panel(const fc_gather *g, const char *weights, size_t o, size_t count, size_t panel, size_t k0, size_t k1, void *raw, void *dst) {
    const fc_conv_view *v = g->view;
    const int half = fc_is_half(v->dtype);
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    char *target = half ? raw : dst;
    tap at = k1 > k0 ? tap_at(v, k0) : (tap){0, 0, 0};
    for (size_t k = k0, run; k < k1; k += run) {
        const char *from = weights + (at.s * v->w_row_pitch + at.t * v->w_col_pitch + at.c * v->w_c_pitch + (ptrdiff_t)o * v->w_out_pitch) * size;
        char *to = target + (k - k0) * panel * (size_t)size;
        run = 1;
        if (v->w_out_pitch == 1) {
            fc_copy_elements(to, from, count * (size_t)size);
            memset(to + count * (size_t)size, 0, (panel - count) * (size_t)size);
            tap_next(v, &at);
            continue;
        }
        /* Channels contiguous (w_c_pitch == 1): the rest of this tap at once. */
        const void *rows[FC_MAX_PANEL];
        run = (size_t)fc_min(v->src.c - at.c, fc_min((ptrdiff_t)(k1 - k), ZERO_BYTES / size));
        for (size_t j = 0; j < panel; j++)
            rows[j] = j < count ? from + (ptrdiff_t)j * v->w_out_pitch * size : zeros;
        fc_transpose_of(g->kernels, (size_t)size)(to, panel, rows, panel, run);
        at.c += (ptrdiff_t)run - 1;
        tap_next(v, &at);
    }
    if (half)
        fc_widen(g->kernels, v->dtype, raw, dst, (k1 - k0) * panel);
}
