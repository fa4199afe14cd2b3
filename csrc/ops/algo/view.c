/* SPDX-License-Identifier: MIT */
#include "ops/algo/view.h"

#include "core/size.h"

static fc_tensor_view tensor(fc_layout layout, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t groups) {
    fc_tensor_view t = {.h = h, .w = w, .c = c / groups, .n_pitch = h * w * c};
    if (layout == FC_NHWC) {
        t.h_pitch = w * c;
        t.w_pitch = c;
        t.c_pitch = 1;
    } else {
        t.h_pitch = w;
        t.w_pitch = 1;
        t.c_pitch = h * w;
    }
    t.group_pitch = t.c * t.c_pitch;
    return t;
}

fc_status fc_forward_view(const fc_conv2d_params *p, fc_conv_view *view) {
    ptrdiff_t out_h, out_w, c = p->c_in / p->groups;
    FC_TRY(fc_conv2d_output_size(p, &out_h, &out_w));
    *view = (fc_conv_view){
        .dtype = p->dtype, .n = p->n, .groups = p->groups,
        .src = tensor(p->layout, p->h, p->w, p->c_in, p->groups),
        .dst = tensor(p->layout, out_h, out_w, p->c_out, p->groups),
        .rows = {p->k_h, -p->pad_top, p->dilation_h, p->stride_h},
        .cols = {p->k_w, -p->pad_left, p->dilation_w, p->stride_w},
        .w_row_pitch = p->k_w * c * p->c_out, .w_col_pitch = c * p->c_out, .w_c_pitch = p->c_out, .w_out_pitch = 1,
        .w_group_pitch = p->c_out / p->groups,
    };
    return FC_OK;
}

static ptrdiff_t gcd(ptrdiff_t a, ptrdiff_t b) {
    while (b) {
        ptrdiff_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/*
 * Input row q * stride + phase gets dy[o] * kernel[t] wherever o * stride + t * dilation = q * stride + phase + pad.
 * The taps that can meet it are t = first_tap + m * tap_step, and tap m reads dy row q + first - m * dilation / gcd.
 */
static fc_taps phase_taps(ptrdiff_t taps, ptrdiff_t stride, ptrdiff_t dilation, ptrdiff_t pad, ptrdiff_t phase,
                          ptrdiff_t *first_tap, ptrdiff_t *tap_step) {
    ptrdiff_t common = gcd(stride, dilation), t = 0;
    *tap_step = stride / common;
    *first_tap = 0;
    while (t < *tap_step && (phase + pad - t * dilation) % stride)
        t++;
    if (t == *tap_step || t >= taps)
        return (fc_taps){0, 0, 0, 1};
    *first_tap = t;
    return (fc_taps){(taps - t - 1) / *tap_step + 1, (phase + pad - t * dilation) / stride, -(dilation / common), 1};
}

fc_status fc_input_grad_view(const fc_conv2d_params *p, ptrdiff_t phase_h, ptrdiff_t phase_w,
                             fc_conv_view *view, ptrdiff_t *dst_offset, ptrdiff_t *kernel_offset) {
    fc_conv_view forward;
    ptrdiff_t first_h, first_w, step_h, step_w;
    FC_TRY(fc_forward_view(p, &forward));
    *view = forward;
    view->src = forward.dst;
    view->dst = forward.src;
    view->rows = phase_taps(p->k_h, p->stride_h, p->dilation_h, p->pad_top, phase_h, &first_h, &step_h);
    view->cols = phase_taps(p->k_w, p->stride_w, p->dilation_w, p->pad_left, phase_w, &first_w, &step_w);
    view->dst.h = p->h > phase_h ? (p->h - phase_h - 1) / p->stride_h + 1 : 0;
    view->dst.w = p->w > phase_w ? (p->w - phase_w - 1) / p->stride_w + 1 : 0;
    view->dst.h_pitch = forward.src.h_pitch * p->stride_h;
    view->dst.w_pitch = forward.src.w_pitch * p->stride_w;
    *dst_offset = phase_h * forward.src.h_pitch + phase_w * forward.src.w_pitch;
    *kernel_offset = first_h * forward.w_row_pitch + first_w * forward.w_col_pitch;
    view->w_row_pitch = forward.w_row_pitch * step_h;
    view->w_col_pitch = forward.w_col_pitch * step_w;
    view->w_c_pitch = forward.w_out_pitch;
    view->w_out_pitch = forward.w_c_pitch;
    return FC_OK;
}

fc_conv_view fc_view_band(const fc_conv_view *view, ptrdiff_t n, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t *src_offset, ptrdiff_t *dst_offset) {
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
