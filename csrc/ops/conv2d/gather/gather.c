/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gather/gather.h"

#include <string.h>

#include "core/size.h"

const char fc_zeros[FC_ZERO_BYTES];

fc_pixel fc_pixel_at(const fc_conv_view *v, size_t pixel) {
    size_t row = pixel / (size_t)v->dst.w;
    return (fc_pixel){(ptrdiff_t)(row / (size_t)v->dst.h), (ptrdiff_t)(row % (size_t)v->dst.h),
        (ptrdiff_t)(pixel % (size_t)v->dst.w)};
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
        size_t left = count - begin,
               room = (size_t)(across_rows ? (v->dst.h - at.row) * v->dst.w - at.col : v->dst.w - at.col);
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

void fc_find_origins(const fc_gather *g, size_t pixel, size_t count, size_t panel, fc_origin *at) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    fc_pixel p = fc_pixel_at(v, pixel);
    for (size_t i = 0; i < panel; i++)
        at[i] = (fc_origin){NULL, 0, 0};
    for (size_t i = 0; i < count; i++, fc_pixel_next(v, &p))
        at[i] = (fc_origin){g->src + p.n * v->src.n_pitch * size, p.row * v->rows.stride + v->rows.first,
            p.col * v->cols.stride + v->cols.first};
}

int fc_interior(const fc_conv_view *v, ptrdiff_t col) {
    const ptrdiff_t reach = (v->cols.count - 1) * v->cols.step;
    return col + fc_min(reach, 0) >= 0 && col + fc_max(reach, 0) < v->src.w;
}

/* How many of n >= 0 pixels from column `col` on lie before the first one at or past `limit`. */
static ptrdiff_t pixels_before(ptrdiff_t col, ptrdiff_t limit, ptrdiff_t stride, ptrdiff_t n) {
    return limit <= col ? 0 : fc_min((limit - col - 1) / stride + 1, n);
}

size_t fc_find_segments(const fc_gather *g, size_t pixel, size_t count, fc_segment *segments) {
    const fc_conv_view *v = g->view;
    const ptrdiff_t reach = (v->cols.count - 1) * v->cols.step, left = -fc_min(reach, 0),
                    right = v->src.w - fc_max(reach, 0);
    fc_run runs[FC_MAX_PANEL];
    size_t found = 0;
    for (size_t r = 0, all = fc_find_runs(v, pixel, count, 0, runs); r < all; r++) {
        const ptrdiff_t n = (ptrdiff_t)runs[r].count, col = runs[r].at.col * v->cols.stride + v->cols.first;
        const ptrdiff_t before = pixels_before(col, left, v->cols.stride, n);
        const ptrdiff_t ends[] = {before, fc_max(pixels_before(col, right, v->cols.stride, n), before), n};
        fc_origin from = {g->src + runs[r].at.n * v->src.n_pitch * (ptrdiff_t)fc_dtype_size(v->dtype),
            runs[r].at.row * v->rows.stride + v->rows.first, col};
        for (ptrdiff_t part = 0, begin = 0; part < 3; begin = ends[part++]) {
            if (ends[part] == begin)
                continue;
            from.col = col + begin * v->cols.stride;
            segments[found++] = (fc_segment){
                runs[r].begin + (size_t)begin, (size_t)(ends[part] - begin), part == 1, from};
        }
    }
    return found;
}

static void copy_one(char *dst, const char *src, size_t size) {
    if (size == 4)
        memcpy(dst, src, 4);
    else if (size == 8)
        memcpy(dst, src, 8);
    else
        memcpy(dst, src, 2);
}

void fc_gather_element(const fc_conv_view *v, fc_origin at, ptrdiff_t row, ptrdiff_t col, ptrdiff_t c, char *dst) {
    const size_t size = fc_dtype_size(v->dtype);
    int there = at.image && fc_inside(row, v->src.h) && fc_inside(col, v->src.w);
    copy_one(dst,
        there ? at.image + (row * v->src.h_pitch + col * v->src.w_pitch + c * v->src.c_pitch) * (ptrdiff_t)size
              : fc_zeros,
        size);
}
