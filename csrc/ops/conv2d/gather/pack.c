/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gather/pack.h"

#include <string.h>

#include "core/scratch.h"
#include "core/size.h"

enum { AHEAD = 16 }; /* rows of a kernel that are asked for before they are packed */

fc_transpose_fn *fc_transpose_of(const fc_kernels *kernels, size_t element_size) {
    return element_size == 2 ? kernels->transpose_b16
        : element_size == 4  ? kernels->transpose_b32
                             : kernels->transpose_b64;
}

void fc_copy_elements(void *dst_, const void *src_, size_t bytes) {
    char *dst = dst_;
    const char *src = src_;
    if (bytes >= 16) { /* the last 16 overlap what is already there */
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

void fc_pack_output_rows(const fc_gather *g, const char *y, size_t pixel, size_t count, size_t o0, size_t o1,
    size_t pitch, void *raw, void *dst) {
    const fc_conv_view *v = g->view;
    const int half = fc_is_half(v->dtype);
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    char *target = half ? raw : dst;
    fc_transpose_fn *transpose = fc_transpose_of(g->kernels, (size_t)size);
    fc_pixel at = fc_pixel_at(v, pixel);
    for (size_t i = 0, run; i < count; i += run) {
        const char *from = y +
            (at.n * v->dst.n_pitch + at.row * v->dst.h_pitch + at.col * v->dst.w_pitch +
                (ptrdiff_t)o0 * v->dst.c_pitch) *
                size;
        char *to = target + i * pitch * (size_t)size;
        run = 1;
        fc_pixel_next(v, &at);
        if (v->dst.c_pitch == 1) {
            fc_copy_elements(to, from, (o1 - o0) * (size_t)size);
        } else { /* NCHW: pixels of one image are neighbours */
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
            fc_copy_elements(to + (j * pitch + o1 - o0) * (size_t)size, fc_zeros, (pitch - (o1 - o0)) * (size_t)size);
    }
    if (half)
        fc_widen(g->kernels, v->dtype, raw, dst, count * pitch);
}

/* A panel's part of a row of the kernel some rows on: rows lie too far apart for the hardware to foresee them. */
static void ask_for_row(const char *row, size_t bytes) {
    for (size_t line = 0; line < bytes; line += FC_ALIGNMENT)
        __builtin_prefetch(row + line);
    __builtin_prefetch(row + bytes - 1);
}

/* `rows` rows of a panel, `bytes` of each of its `to_pitch`, the rest zeros. */
static void copy_weight_rows(
    char *to, size_t to_pitch, const char *from, ptrdiff_t from_pitch, size_t rows, size_t bytes) {
    for (size_t r = 0; r < rows; r++, to += to_pitch, from += from_pitch) {
        ask_for_row(from + AHEAD * from_pitch, bytes);
        if (bytes == to_pitch && bytes % FC_ALIGNMENT == 0) {
            for (size_t line = 0; line < bytes; line += FC_ALIGNMENT)
                memcpy(to + line, from + line, FC_ALIGNMENT);
        } else {
            fc_copy_elements(to, from, bytes);
            memset(to + bytes, 0, to_pitch - bytes);
        }
    }
}

void fc_pack_weight_panel(const fc_gather *g, const char *weights, size_t o, size_t count, size_t panel, size_t k0,
    size_t k1, void *raw, void *dst) {
    const fc_conv_view *v = g->view;
    const int half = fc_is_half(v->dtype);
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    char *target = half ? raw : dst;
    fc_tap at = k1 > k0 ? fc_tap_at(v, k0) : (fc_tap){0, 0, 0};
    for (size_t k = k0, run; k < k1; k += run) {
        const char *from = weights +
            (at.s * v->w_row_pitch + at.t * v->w_col_pitch + at.c * v->w_c_pitch + (ptrdiff_t)o * v->w_out_pitch) *
                size;
        char *to = target + (k - k0) * panel * (size_t)size;
        run = (size_t)fc_min(v->src.c - at.c, fc_min((ptrdiff_t)(k1 - k), FC_ZERO_BYTES / size)); /* of this tap */
        if (v->w_out_pitch == 1) {
            copy_weight_rows(to, panel * (size_t)size, from, v->w_c_pitch * size, run, count * (size_t)size);
        } else { /* channels contiguous */
            const void *rows[FC_MAX_PANEL];
            for (size_t j = 0; j < panel; j++)
                rows[j] = j < count ? from + (ptrdiff_t)j * v->w_out_pitch * size : fc_zeros;
            fc_transpose_of(g->kernels, (size_t)size)(to, panel, rows, panel, run);
        }
        at.c += (ptrdiff_t)run - 1;
        fc_tap_next(v, &at);
    }
    if (half)
        fc_widen(g->kernels, v->dtype, raw, dst, (k1 - k0) * panel);
}
