/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gather/cells.h"

#include <string.h>

#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

enum { MOST_LANES = 64 };

static int together(const fc_tensor_view *t) { return t->c_pitch == 1 && t->w_pitch == t->c; }

/* `count` numbers of each image from `from` on, `to_pitch` elements of cells apart. */
static void interleave(const fc_cells *part, const char *from, size_t count, size_t to_pitch, char *to) {
    const size_t size = fc_dtype_size(part->dtype);
    const void *rows[MOST_LANES];
    for (size_t i = 0; i < part->images; i++)
        rows[i] = from + (ptrdiff_t)i * part->tensor->n_pitch * (ptrdiff_t)size;
    fc_transpose_of(part->kernels, size)(to, to_pitch, rows, part->images, count);
}

/* Pixels [0, cols) of a row from `from` on. */
static void load_run(const fc_cells *part, const char *from, size_t cols, char *to) {
    const fc_tensor_view *t = part->tensor;
    const size_t size = fc_dtype_size(part->dtype), cell = part->lanes * size, c = (size_t)t->c;
    if (together(t))
        interleave(part, from, cols * c, part->lanes, to);
    else if (t->c_pitch == 1)
        for (size_t p = 0; p < cols; p++)
            interleave(part, from + (ptrdiff_t)p * t->w_pitch * (ptrdiff_t)size, c, part->lanes, to + p * c * cell);
    else
        for (size_t k = 0; k < c; k++)
            interleave(part, from + (ptrdiff_t)k * t->c_pitch * (ptrdiff_t)size, cols, c * part->lanes, to + k * cell);
}

void fc_load_cells(const fc_cells *part, const char *image, char *cells) {
    const fc_tensor_view *t = part->tensor;
    const size_t size = fc_dtype_size(part->dtype), pixel = (size_t)t->c * part->lanes * size;
    const ptrdiff_t begin = fc_min(fc_max(-part->col, 0), part->cols),
                    end = fc_max(fc_min(t->w - part->col, part->cols), begin);
    if (part->images < part->lanes)
        memset(cells, 0, (size_t)(part->rows * part->cols) * pixel);
    for (ptrdiff_t i = 0; i < part->rows; i++, cells += (size_t)part->cols * pixel) {
        memset(cells, 0, (size_t)begin * pixel);
        memset(cells + (size_t)end * pixel, 0, (size_t)(part->cols - end) * pixel);
        if (begin < end)
            load_run(part, image + ((part->row + i) * t->h_pitch + (part->col + begin) * t->w_pitch) * (ptrdiff_t)size,
                (size_t)(end - begin), cells + (size_t)begin * pixel);
    }
}

/* `count` cells, `pitch` bytes apart, to consecutive elements of each image. */
static void deal(const fc_cells *part, const char *cells, size_t pitch, size_t count, char *to) {
    const size_t size = fc_dtype_size(part->dtype);
    const void *rows[FC_MAX_PANEL];
    for (size_t at = 0; at < count; at += FC_MAX_PANEL) {
        const size_t n = fc_least(count - at, FC_MAX_PANEL);
        for (size_t i = 0; i < n; i++)
            rows[i] = cells + (at + i) * pitch;
        fc_transpose_of(part->kernels, size)(to + at * size, (size_t)part->tensor->n_pitch, rows, n, part->images);
    }
}

void fc_store_cells(const fc_cells *part, const char *cells, char *image) {
    const fc_tensor_view *t = part->tensor;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(part->dtype);
    const size_t cell = part->lanes * (size_t)size, c = (size_t)t->c, cols = (size_t)part->cols;
    for (ptrdiff_t i = 0; i < part->rows; i++, cells += cols * c * cell) {
        char *row = image + ((part->row + i) * t->h_pitch + part->col * t->w_pitch) * size;
        if (together(t))
            deal(part, cells, cell, cols * c, row);
        else if (t->c_pitch == 1)
            for (size_t p = 0; p < cols; p++)
                deal(part, cells + p * c * cell, cell, c, row + (ptrdiff_t)p * t->w_pitch * size);
        else
            for (size_t k = 0; k < c; k++)
                deal(part, cells + k * cell, c * cell, cols, row + (ptrdiff_t)k * t->c_pitch * size);
    }
}
