/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/view.h"

#include "core/size.h"

/* Pitches of an array without elements may leave the range; nothing is found by them. */
static ptrdiff_t pitch(ptrdiff_t a, ptrdiff_t b) { return (ptrdiff_t)((size_t)a * (size_t)b); }

static fc_tensor_view tensor(fc_layout layout, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t groups) {
    fc_tensor_view t = {.h = h, .w = w, .c = c / groups, .n_pitch = pitch(pitch(h, w), c), .layout = layout};
    if (layout == FC_NHWC) {
        t.h_pitch = pitch(w, c);
        t.w_pitch = c;
        t.c_pitch = 1;
    } else {
        t.h_pitch = w;
        t.w_pitch = 1;
        t.c_pitch = pitch(h, w);
    }
    t.group_pitch = pitch(t.c, t.c_pitch);
    return t;
}

/* Of `windows` windows: their strides, like the pads and the reach of their taps, stay within the padded image. */
static fc_taps taps(ptrdiff_t count, ptrdiff_t pad, ptrdiff_t dilation, ptrdiff_t stride, ptrdiff_t windows) {
    return (fc_taps){count, -pad, count > 1 ? dilation : 1, windows > 1 ? stride : 1};
}

fc_status fc_forward_view(const fc_conv2d_params *p, fc_conv_view *view) {
    ptrdiff_t out_h, out_w, c = p->c_in / p->groups;
    FC_TRY(fc_conv2d_output_size(p, &out_h, &out_w));
    *view = (fc_conv_view){
        .dtype = p->dtype,
        .n = p->n,
        .groups = p->groups,
        .src = tensor(p->layout, p->h, p->w, p->c_in, p->groups),
        .dst = tensor(p->layout, out_h, out_w, p->c_out, p->groups),
        .rows = taps(p->k_h, p->pad_top, p->dilation_h, p->stride_h, out_h),
        .cols = taps(p->k_w, p->pad_left, p->dilation_w, p->stride_w, out_w),
        .w_row_pitch = p->k_w * c * p->c_out,
        .w_col_pitch = c * p->c_out,
        .w_c_pitch = p->c_out,
        .w_out_pitch = 1,
        .w_group_pitch = p->c_out / p->groups,
    };
    return FC_OK;
}

fc_conv_view fc_view_band(const fc_conv_view *view, ptrdiff_t n, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t *src_offset,
    ptrdiff_t *dst_offset) {
    fc_conv_view band = *view;
    band.n = 1;
    band.dst.h = end - begin;
    band.rows.first += begin * view->rows.stride;
    *src_offset = n * view->src.n_pitch;
    *dst_offset = n * view->dst.n_pitch + begin * view->dst.h_pitch;
    return band;
}

static void fold(fc_taps *taps, ptrdiff_t *size, ptrdiff_t *pitch) {
    if (taps->count != 1 || taps->first || taps->stride == 1)
        return;
    *size = fc_ceil_div(*size, taps->stride);
    *pitch *= taps->stride;
    taps->stride = 1;
}

void fc_view_fold_strides(fc_conv_view *view) {
    if (view->src.c_pitch != 1 || view->src.c == 1)
        return;
    fold(&view->rows, &view->src.h, &view->src.h_pitch);
    fold(&view->cols, &view->src.w, &view->src.w_pitch);
}

static int is_pointwise(const fc_taps *taps) { return taps->count == 1 && !taps->first && taps->stride == 1; }

/* Whether pixels of all rows and images lie one after the other, a pixel's channels together. */
static int pixels_follow(const fc_tensor_view *t) {
    return t->c_pitch == 1 && t->h_pitch == t->w * t->w_pitch && t->n_pitch == t->h * t->h_pitch;
}

static void join(fc_tensor_view *t, ptrdiff_t images) {
    t->w *= images * t->h;
    t->h = 1;
    t->n_pitch = t->h_pitch = t->w * t->w_pitch;
}

void fc_view_join_pixels(fc_conv_view *view) {
    fc_tensor_view *src = &view->src, *dst = &view->dst;
    if (!is_pointwise(&view->rows) || !is_pointwise(&view->cols) || src->h != dst->h || src->w != dst->w ||
        !pixels_follow(src) || !pixels_follow(dst))
        return;
    join(src, view->n);
    join(dst, view->n);
    view->n = 1;
}
