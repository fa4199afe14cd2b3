/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/forward/integer/integer.h"

#include <string.h>

#include "core/size.h"

fc_staged_axis fc_stage_axis(const fc_taps *taps, ptrdiff_t outs, int apart) {
    if (apart)
        return (fc_staged_axis){outs * taps->count, taps->count, 1, 1};
    return (fc_staged_axis){
        (outs - 1) * taps->stride + (taps->count - 1) * taps->step + 1, taps->stride, taps->step, 0};
}

/* The cell of the image that a staged cell holds, for a block whose first output is `out`. */
static ptrdiff_t source_of(const fc_taps *taps, const fc_staged_axis *axis, ptrdiff_t out, ptrdiff_t cell) {
    const ptrdiff_t first = out * taps->stride + taps->first;
    return axis->apart ? first + cell / taps->count * taps->stride + cell % taps->count * taps->step : first + cell;
}

static void copy_flipped(uint8_t *restrict dst, const uint8_t *restrict src, size_t bytes, uint8_t flip) {
    for (size_t i = 0; i < bytes; i++)
        dst[i] = src[i] ^ flip;
}

/* `cells` neighbours of one row, all channels of the group, as (cell, channel). */
static void stage_cells(const fc_layer *layer, uint8_t flip, const uint8_t *src, size_t cells, uint8_t *dst) {
    enum { CHANNELS = 64 };
    const fc_tensor_view *t = &layer->view.src;
    const size_t c = (size_t)t->c;
    if (t->c_pitch == 1) {
        if (t->w_pitch == t->c)
            copy_flipped(dst, src, cells * c, flip);
        else
            for (size_t i = 0; i < cells; i++)
                copy_flipped(dst + i * c, src + (ptrdiff_t)i * t->w_pitch, c, flip);
        return;
    }
    for (size_t at = 0; at < c; at += CHANNELS) {
        const void *planes[CHANNELS];
        const size_t count = c - at < CHANNELS ? c - at : CHANNELS;
        for (size_t i = 0; i < count; i++)
            planes[i] = src + (ptrdiff_t)(at + i) * t->c_pitch;
        layer->kernels->transpose_b8(dst + at, c, planes, count, cells);
    }
    for (size_t i = 0; flip && i < cells * c; i++)
        dst[i] ^= flip;
}

static void stage_row(const fc_layer *layer, const fc_staged_axis *cols, uint8_t flip, uint8_t pad, const uint8_t *src,
    ptrdiff_t col, uint8_t *dst) {
    const fc_conv_view *v = &layer->view;
    const ptrdiff_t c = v->src.c, first = source_of(&v->cols, cols, col, 0);
    if (!cols->apart) {
        const ptrdiff_t begin = fc_min(fc_max(-first, 0), cols->count),
                        end = fc_max(fc_min(v->src.w - first, cols->count), begin);
        memset(dst, pad, (size_t)(begin * c));
        if (begin < end)
            stage_cells(layer, flip, src + (first + begin) * v->src.w_pitch, (size_t)(end - begin), dst + begin * c);
        memset(dst + end * c, pad, (size_t)((cols->count - end) * c));
        return;
    }
    for (ptrdiff_t i = 0; i < cols->count; i++, dst += c) {
        const ptrdiff_t at = source_of(&v->cols, cols, col, i);
        if (at >= 0 && at < v->src.w)
            stage_cells(layer, flip, src + at * v->src.w_pitch, 1, dst);
        else
            memset(dst, pad, (size_t)c);
    }
}

void fc_stage_block(const fc_layer *layer, const fc_staged_axis *rows, const fc_staged_axis *cols, int flip,
    uint8_t pad, const uint8_t *src, ptrdiff_t row, ptrdiff_t col, uint8_t *dst) {
    const fc_conv_view *v = &layer->view;
    const uint8_t top = flip ? 0x80 : 0, padded = pad ^ top;
    const size_t bytes = (size_t)(cols->count * v->src.c);
    for (ptrdiff_t i = 0; i < rows->count; i++, dst += bytes) {
        const ptrdiff_t at = source_of(&v->rows, rows, row, i);
        if (at >= 0 && at < v->src.h)
            stage_row(layer, cols, top, padded, src + at * v->src.h_pitch, col, dst);
        else
            memset(dst, padded, bytes);
    }
}
