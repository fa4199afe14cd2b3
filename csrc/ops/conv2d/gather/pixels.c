/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gather/pixels.h"

#include "ops/conv2d/gather/gather.h"

typedef struct pixel_run {
    const fc_conv_view *view;
    const fc_pixel_block *block;
    ptrdiff_t i, j, count, height;       /* the first pixel, in the block */
    ptrdiff_t row_bytes, pixel_bytes;    /* of the source */
    ptrdiff_t first[FC_MAX_TILE_HEIGHT]; /* where the first taps lie, in bytes from the source on */
} pixel_run;

static void find_first_taps(pixel_run *p, ptrdiff_t origin) {
    const ptrdiff_t right = p->view->cols.stride * p->pixel_bytes, down = p->view->rows.stride * p->row_bytes,
                    cols = p->block->cols;
    ptrdiff_t from = origin + p->i * down + p->j * right, left = cols - p->j;
    for (ptrdiff_t r = 0; r < p->height; r++) {
        p->first[r] = from;
        if (r + 1 >= p->count)
            continue;
        from += right;
        if (!--left) {
            from += down - cols * right;
            left = cols;
        }
    }
}

/* Every cell of every window inside: a tap lies at the same distance from each pixel. */
static void point_inside(const pixel_run *p, ptrdiff_t taps, const void **to) {
    for (ptrdiff_t s = 0; s < p->view->rows.count; s++)
        for (ptrdiff_t t = 0; t < taps; t++, to += p->height) {
            const char *from = p->block->source + s * p->view->rows.step * p->row_bytes +
                t * p->view->cols.step * p->pixel_bytes;
            for (ptrdiff_t r = 0; r < p->height; r++)
                to[r] = from + p->first[r];
        }
}

static void point_with_border(const pixel_run *p, ptrdiff_t taps, int joined, const void **table) {
    const fc_conv_view *v = p->view;
    const fc_pixel_block *b = p->block;
    ptrdiff_t i = b->i + p->i, j = b->j + p->j;
    for (ptrdiff_t r = 0; r < p->height; r++) {
        const ptrdiff_t row0 = i * v->rows.stride + v->rows.first, col0 = j * v->cols.stride + v->cols.first;
        const void **to = table + r;
        for (ptrdiff_t s = 0; s < v->rows.count; s++) {
            const int in_rows = fc_inside(row0 + s * v->rows.step, v->src.h);
            for (ptrdiff_t t = 0; t < taps; t++, to += p->height) {
                const int inside = in_rows && (joined || fc_inside(col0 + t * v->cols.step, v->src.w));
                *to = inside
                    ? b->source + p->first[r] + s * v->rows.step * p->row_bytes + t * v->cols.step * p->pixel_bytes
                    : b->zeros;
            }
        }
        if (r + 1 < p->count && ++j == b->j + b->cols) {
            j = b->j;
            i++;
        }
    }
}

/* Whether all taps of the positions from `low` to `high` lie inside. */
static int all_inside(const fc_taps *taps, ptrdiff_t low, ptrdiff_t high, ptrdiff_t size) {
    return low * taps->stride + taps->first >= 0 &&
        high * taps->stride + taps->first + (taps->count - 1) * taps->step < size;
}

int fc_point_pixels(const fc_conv_view *v, const fc_pixel_block *b, ptrdiff_t i, ptrdiff_t j, ptrdiff_t count,
    size_t height, int join, const void **table) {
    const ptrdiff_t last = j + count - 1;
    const int one_row = last < b->cols;
    const int rows = b->patched || all_inside(&v->rows, b->i + i, b->i + i + (one_row ? 0 : last / b->cols), v->src.h);
    const int cols = b->patched ||
        all_inside(&v->cols, b->j + (one_row ? j : 0), b->j + (one_row ? last : b->cols - 1), v->src.w);
    const int joined = join && cols;
    const ptrdiff_t taps = joined ? 1 : v->cols.count;
    pixel_run p = {.view = v, .block = b, .i = i, .j = j, .count = count, .height = (ptrdiff_t)height};
    p.pixel_bytes = (b->patched ? b->patch.pitch : v->src.w_pitch) * b->size;
    p.row_bytes = b->patched ? b->patch.cols * p.pixel_bytes : v->src.h_pitch * b->size;
    find_first_taps(&p, b->patched ? 0 : b->patch.row * p.row_bytes + b->patch.col * p.pixel_bytes);
    if (rows && cols)
        point_inside(&p, taps, table);
    else
        point_with_border(&p, taps, joined, table);
    return joined;
}
