/* SPDX-License-Identifier: MIT */
#include "core/shape.h"
#include "core/size.h"
#include "ops/algo/view.h"
#include "ops/conv2d.h"

fc_status fc_conv2d_output_size(const fc_conv2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w) {
    FC_TRY(fc_window_count(p->h, p->k_h, p->stride_h, p->dilation_h, p->pad_top, p->pad_bottom, out_h));
    return fc_window_count(p->w, p->k_w, p->stride_w, p->dilation_w, p->pad_left, p->pad_right, out_w);
}

fc_status fc_conv2d_check(const fc_conv2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w) {
    const int integers = fc_is_integer(p->dtype);
    if (integers ? !fc_is_integer(p->kernel_dtype) : p->dtype != FC_F16 && p->dtype != FC_BF16 && p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    if (integers && p->activation != FC_LINEAR && p->activation != FC_RELU)
        return FC_BAD_ARGUMENT;
    if ((p->layout != FC_NHWC && p->layout != FC_NCHW) || p->activation < FC_LINEAR || p->activation >= FC_ACTIVATION_COUNT)
        return FC_BAD_ARGUMENT;
    if (p->groups < 1 || p->c_in < 0 || p->c_out < 0 || p->c_in % p->groups || p->c_out % p->groups)
        return FC_BAD_SHAPE;
    FC_TRY(fc_conv2d_output_size(p, out_h, out_w));
    FC_TRY(fc_check_tensor(p->dtype, p->n, p->h, p->w, p->c_in));
    FC_TRY(fc_check_tensor(fc_output_dtype(p->dtype), p->n, *out_h, *out_w, p->c_out));
    FC_TRY(fc_check_tensor(p->dtype, p->k_h, p->k_w, p->c_in / p->groups, p->c_out));
    /* The farthest row and column a window names, padding included, must be a number too. */
    ptrdiff_t span, reach;
    FC_TRY(fc_window_span(p->k_h, p->dilation_h, &span));
    if (__builtin_add_overflow(p->h + p->pad_top + p->pad_bottom, span, &reach))
        return FC_TOO_LARGE;
    FC_TRY(fc_window_span(p->k_w, p->dilation_w, &span));
    if (__builtin_add_overflow(p->w + p->pad_left + p->pad_right, span, &reach))
        return FC_TOO_LARGE;
    return FC_OK;
}
