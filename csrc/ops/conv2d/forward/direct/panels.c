/* SPDX-License-Identifier: MIT */
/* Which pixels make a tile, and where each of them reads x under each tap. */
#include "ops/conv2d/forward/direct/direct.h"

/* The panel from pixel (i, j) on: up to `height` pixels, within one row unless the block holds whole rows that follow
 * one another in y. */
static fc_pixel_panel panel_at(const fc_conv_view *v, const fc_direct_plan *d, const fc_pixel_block *block, ptrdiff_t i,
    ptrdiff_t j, const void **table) {
    const ptrdiff_t cols = block->cols;
    const int rows_join = cols == v->dst.w && v->dst.h_pitch == v->dst.w * v->dst.w_pitch;
    const ptrdiff_t left = (rows_join ? (block->rows - i) * cols : cols) - j;
    fc_pixel_panel p = {.count = fc_min(left, (ptrdiff_t)d->height), .i = i, .j = j, .table = table};
    p.tile = d->tiles[p.count];
    p.narrow = d->narrow_tiles[p.count];
    const int joined = fc_point_pixels(v, block, i, j, p.count, p.tile->height, d->joined, table);
    const size_t split = d->joined && !joined ? (size_t)v->cols.count : 1;
    p.length = d->unit / split;
    p.runs = d->runs * split;
    p.at_once = d->units * split;
    p.y = (i * v->dst.h_pitch + j * v->dst.w_pitch) * (ptrdiff_t)fc_dtype_size(v->dtype);
    return p;
}

/* Where each pixel's channels lie a step after those of the one before. */
static void make_in_line(
    const fc_conv_view *v, const fc_direct_plan *d, const fc_pixel_block *block, const fc_direct_panels *own) {
    const ptrdiff_t height = (ptrdiff_t)d->height, cols = block->cols;
    const ptrdiff_t step = (d->patched ? d->pixel_pitch : v->src.w_pitch) * v->cols.stride * block->size;
    fc_pixel_panel p = {.runs = 1, .length = d->unit, .at_once = d->units, .table = own->table};
    for (fc_pixel_panel *panel = own->panels; p.j < cols; p.j += height, p.table += height) {
        p.count = fc_min(cols - p.j, height);
        p.tile = d->tiles[p.count];
        p.narrow = d->narrow_tiles[p.count];
        p.y = p.j * v->dst.w_pitch * (ptrdiff_t)fc_dtype_size(v->dtype);
        *panel++ = p;
        for (ptrdiff_t r = 0; r < height; r++)
            p.table[r] = own->made->from + fc_min(p.j + r, cols - 1) * step;
    }
    own->made->count = fc_parts((size_t)cols, d->height);
}

/* Those of a block whose taps all lie inside, as do those of the one that they were made for. */
static void move(const fc_direct_panels *own, const char *from) {
    const ptrdiff_t bytes = from - own->made->from;
    if (!bytes)
        return;
    for (const fc_pixel_panel *p = own->panels, *end = p + own->made->count; p < end; p++)
        for (const void **to = p->table, **last = to + p->runs * p->tile->height; to < last; to++)
            *to = (const char *)*to + bytes;
    own->made->from = from;
}

void fc_direct_make_panels(
    const fc_conv_view *v, const fc_direct_plan *d, const fc_pixel_block *block, const fc_direct_panels *own) {
    const ptrdiff_t cols = block->cols,
                    first = d->patched ? 0 : block->patch.row * v->src.h_pitch + block->patch.col * v->src.w_pitch;
    const char *from = block->source + first * block->size;
    fc_panels_made *made = own->made;
    if (made->rows == block->rows && made->cols == cols && (d->patched || !fc_has_border(v))) {
        move(own, from);
        return;
    }
    *made = (fc_panels_made){.rows = block->rows, .cols = cols, .from = from};
    if (d->in_line) {
        make_in_line(v, d, block, own);
        return;
    }
    const size_t taps = (size_t)(v->rows.count * v->cols.count);
    for (ptrdiff_t i = 0, j = 0; i < block->rows;) {
        own->panels[made->count] = panel_at(v, d, block, i, j, own->table + made->count * d->height * taps);
        for (j += own->panels[made->count++].count; j >= cols; j -= cols)
            i++;
    }
}
