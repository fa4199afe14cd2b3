/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gather/patch.h"

#include <string.h>

#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

fc_patch fc_patch_of(const fc_conv_view *v, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j, ptrdiff_t cols, ptrdiff_t pitch) {
    return (fc_patch){
        i * v->rows.stride + v->rows.first,
        j * v->cols.stride + v->cols.first,
        (rows - 1) * v->rows.stride + (v->rows.count - 1) * v->rows.step + 1,
        (cols - 1) * v->cols.stride + (v->cols.count - 1) * v->cols.step + 1,
        pitch,
    };
}

int fc_has_border(const fc_conv_view *v) {
    const fc_patch whole = fc_patch_of(v, 0, v->dst.h, 0, v->dst.w, 0);
    return whole.row < 0 || whole.col < 0 || whole.row + whole.rows > v->src.h || whole.col + whole.cols > v->src.w;
}

/* `cols` pixels of one row, from the element at `src` on, channels together, `pitch` elements apart. */
static void copy_pixels(
    const fc_conv_view *v, const fc_kernels *kernels, const char *src, size_t cols, char *dst, size_t pitch) {
    const size_t size = fc_dtype_size(v->dtype), channels = (size_t)v->src.c;
    if (pitch == channels &&
        (channels == 1 ? v->src.w_pitch == 1 : v->src.c_pitch == 1 && v->src.w_pitch == v->src.c)) {
        memcpy(dst, src, cols * channels * size);
    } else if (v->src.c_pitch == 1) {
        for (size_t i = 0; i < cols; i++)
            fc_copy_elements(
                dst + i * pitch * size, src + (ptrdiff_t)i * v->src.w_pitch * (ptrdiff_t)size, channels * size);
    } else {
        const void *planes[FC_MAX_PANEL];
        for (size_t c = 0; c < channels; c += FC_MAX_PANEL) {
            const size_t n = channels - c < FC_MAX_PANEL ? channels - c : FC_MAX_PANEL;
            for (size_t p = 0; p < n; p++)
                planes[p] = src + (ptrdiff_t)(c + p) * v->src.c_pitch * (ptrdiff_t)size;
            fc_transpose_of(kernels, size)(dst + c * size, pitch, planes, n, cols);
        }
    }
}

void fc_fill_patch(
    const fc_conv_view *v, const fc_kernels *kernels, const fc_patch *patch, const char *image, void *raw, char *dst) {
    const int half = fc_is_half(v->dtype);
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype),
                    wide = (ptrdiff_t)fc_dtype_size(fc_compute_dtype(v->dtype)), pixel = patch->pitch * wide;
    const ptrdiff_t from = fc_min(fc_max(patch->col, 0), v->src.w),
                    to = fc_max(fc_min(patch->col + patch->cols, v->src.w), from);
    const ptrdiff_t left = fc_min(fc_max(from - patch->col, 0), patch->cols), right = patch->cols - left - (to - from);
    for (ptrdiff_t r = 0; r < patch->rows; r++, dst += patch->cols * pixel) {
        const ptrdiff_t row = patch->row + r;
        if (row < 0 || row >= v->src.h || from == to) {
            memset(dst, 0, (size_t)(patch->cols * pixel));
            continue;
        }
        const char *src = image + (row * v->src.h_pitch + from * v->src.w_pitch) * size;
        char *inner = dst + left * pixel;
        memset(dst, 0, (size_t)(left * pixel));
        copy_pixels(v, kernels, src, (size_t)(to - from), half ? raw : inner, (size_t)patch->pitch);
        if (half)
            fc_widen(kernels, v->dtype, raw, inner, (size_t)((to - from) * patch->pitch));
        memset(inner + (to - from) * pixel, 0, (size_t)(right * pixel));
    }
}
