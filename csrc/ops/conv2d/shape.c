/* SPDX-License-Identifier: MIT */
#include "core/shape.h"
#include "core/size.h"
#include "ops/conv2d/view.h"
#include "ops/conv2d/layer.h"

fc_status fc_conv2d_output_size(const fc_conv2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w) {
    FC_TRY(fc_window_count(p->h, p->k_h, p->stride_h, p->dilation_h, p->pad_top, p->pad_bottom, out_h));
    return fc_window_count(p->w, p->k_w, p->stride_w, p->dilation_w, p->pad_left, p->pad_right, out_w);
}

/*
 * A tensor of one image, or the kernel. Blocks and patches are pieces of them, padding included, and scratch is a small
 * multiple of those a thread: what no address space holds is refused here, and no later size overflows.
 */
static fc_status check_piece(ptrdiff_t h, ptrdiff_t w, ptrdiff_t inputs, ptrdiff_t outputs) {
    const size_t largest = (size_t)1 << 47;
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){h, w, inputs, outputs, sizeof(double)}, 5, &bytes));
    return bytes <= largest ? FC_OK : FC_TOO_LARGE;
}

fc_status fc_conv2d_check(const fc_conv2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w) {
    const int integers = fc_is_integer(p->dtype);
    if (integers ? !fc_is_integer(p->kernel_dtype)
                 : p->dtype != FC_F16 && p->dtype != FC_BF16 && p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    if (integers && p->activation != FC_LINEAR && p->activation != FC_RELU)
        return FC_BAD_ARGUMENT;
    if ((p->layout != FC_NHWC && p->layout != FC_NCHW) || p->activation < FC_LINEAR ||
        p->activation >= FC_ACTIVATION_COUNT)
        return FC_BAD_ARGUMENT;
    if (p->groups < 1 || p->c_in < 0 || p->c_out < 0 || p->c_in % p->groups || p->c_out % p->groups)
        return FC_BAD_SHAPE;
    FC_TRY(fc_conv2d_output_size(p, out_h, out_w));
    FC_TRY(fc_check_tensor(p->dtype, p->n, p->h, p->w, p->c_in));
    FC_TRY(fc_check_tensor(fc_output_dtype(p->dtype), p->n, *out_h, *out_w, p->c_out));
    FC_TRY(fc_check_tensor(p->dtype, p->k_h, p->k_w, p->c_in / p->groups, p->c_out));
    if (!p->n || !*out_h || !*out_w)
        return FC_OK;
    FC_TRY(check_piece(p->h + p->pad_top + p->pad_bottom, p->w + p->pad_left + p->pad_right, p->c_in, 1));
    FC_TRY(check_piece(*out_h, *out_w, 1, p->c_out));
    return check_piece(p->k_h, p->k_w, p->c_in / p->groups, p->c_out);
}
