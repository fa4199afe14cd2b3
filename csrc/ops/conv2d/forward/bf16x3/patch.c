/* SPDX-License-Identifier: MIT */
/* Pixels split once for all taps: the patch of the input that a block reads, in planes, from which panels are copied.
 */
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/gather/gather.h"
#include "ops/conv2d/forward/bf16x3/bf16x3.h"

/* Elements of FC_BF16X3_PANEL pixels of the patch: [channel / 32][plane][pixel][32]. */
static size_t group_elements(const fc_bf16x3_blocking *b, size_t channels) {
    return channels / FC_BF16X3_K * b->planes * FC_BF16X3_TILE;
}

static size_t taps_of(const fc_bf16x3_blocking *b) { return (size_t)(b->view->rows.count * b->view->cols.count); }

/* The input row that output row `row` of image n reads under tap row s, as one of the rows of all images. */
static size_t input_row(const fc_conv_view *v, fc_pixel at, ptrdiff_t s) {
    const ptrdiff_t row = at.row * v->rows.stride + v->rows.first + s * v->rows.step;
    return (size_t)(at.n * v->src.h + fc_max(fc_min(row, v->src.h - 1), 0));
}

fc_bf16x3_patch fc_bf16x3_patch_of(const fc_bf16x3_blocking *b, size_t pixel, size_t count, void *planes) {
    const fc_conv_view *v = b->view;
    const size_t w = (size_t)v->src.w, first = input_row(v, fc_pixel_at(v, pixel), 0);
    const size_t end = input_row(v, fc_pixel_at(v, pixel + count - 1), v->rows.count - 1) + 1;
    return (fc_bf16x3_patch){first * w, (end - first) * w, planes};
}

static size_t groups_of(const fc_bf16x3_patch *patch) {
    return (patch->pixels + FC_BF16X3_PANEL - 1) / FC_BF16X3_PANEL;
}

size_t fc_bf16x3_patch_bytes(const fc_bf16x3_blocking *b, const fc_bf16x3_patch *patch) {
    return fc_align_up((groups_of(patch) + 1) * group_elements(b, b->block_k / taps_of(b)) * sizeof(uint16_t));
}

int fc_bf16x3_fill_patch(
    const fc_bf16x3_blocking *b, const fc_bf16x3_patch *patch, const char *src, size_t k0, size_t k1, void *scratch) {
    const fc_conv_view *v = b->view;
    const size_t size = fc_dtype_size(v->dtype), taps = taps_of(b), c0 = k0 / taps, channels = (k1 - k0) / taps;
    const size_t pitch = (size_t)v->src.w_pitch, elements = group_elements(b, channels), groups = groups_of(patch);
    int out_of_range = 0;
    for (size_t i = 0; i < groups; i++) {
        const size_t left = patch->pixels - i * FC_BF16X3_PANEL;
        const char *from = src + ((patch->first + i * FC_BF16X3_PANEL) * pitch + c0) * size;
        fc_bf16x3_source source = {from, v->dtype, FC_BF16X3_K, pitch, FC_BF16X3_ROWS, channels / FC_BF16X3_K,
            b->planes, patch->planes + i * elements};
        if (left < FC_BF16X3_PANEL) {
            memset(scratch, 0, FC_BF16X3_PANEL * channels * size);
            for (size_t r = 0; r < left; r++)
                memcpy((char *)scratch + r * channels * size, from + r * pitch * size, channels * size);
            source.src = scratch;
            source.row_pitch = channels;
        }
        out_of_range |= b->kernels->bf16x3_rows(&source);
    }
    memset(patch->planes + groups * elements, 0, elements * sizeof(uint16_t)); /* what pixels outside the image read */
    return out_of_range;
}

/* Where the pixels of a panel read under a tap, in bytes from the patch's first. */
static void find_offsets(const fc_bf16x3_blocking *b, const fc_bf16x3_patch *patch, const fc_pixel *at, size_t count,
    ptrdiff_t s, ptrdiff_t t, size_t elements, ptrdiff_t *offsets) {
    const fc_conv_view *v = b->view;
    for (size_t r = 0; r < FC_BF16X3_PANEL; r++) {
        const ptrdiff_t row = at[r].row * v->rows.stride + v->rows.first + s * v->rows.step;
        const ptrdiff_t col = at[r].col * v->cols.stride + v->cols.first + t * v->cols.step;
        size_t element = groups_of(patch) * elements;
        if (r < count && fc_inside(row, v->src.h) && fc_inside(col, v->src.w)) {
            const size_t pixel = (size_t)((at[r].n * v->src.h + row) * v->src.w + col) - patch->first;
            element = pixel / FC_BF16X3_PANEL * elements + pixel % FC_BF16X3_PANEL * FC_BF16X3_K;
        }
        offsets[r] = (ptrdiff_t)(element * sizeof(uint16_t));
    }
}

void fc_bf16x3_patch_panel(const fc_bf16x3_blocking *b, const fc_bf16x3_patch *patch, size_t pixel, size_t count,
    size_t k0, size_t k1, uint16_t *dst) {
    const fc_conv_view *v = b->view;
    const size_t elements = group_elements(b, (k1 - k0) / taps_of(b)), row_bytes = FC_BF16X3_K * sizeof(uint16_t);
    fc_pixel at[FC_BF16X3_PANEL] = {fc_pixel_at(v, pixel)};
    for (size_t r = 1; r < FC_BF16X3_PANEL; r++) {
        at[r] = at[r - 1];
        fc_pixel_next(v, &at[r]);
    }
    for (ptrdiff_t s = 0; s < v->rows.count; s++)
        for (ptrdiff_t t = 0; t < v->cols.count; t++) {
            ptrdiff_t offsets[FC_BF16X3_PANEL];
            find_offsets(b, patch, at, count, s, t, elements, offsets);
            for (size_t i = 0; i < elements; i += FC_BF16X3_TILE, dst += FC_BF16X3_TILE)
                b->kernels->copy_rows(dst, row_bytes, patch->planes + i, offsets, FC_BF16X3_PANEL, row_bytes);
        }
}
