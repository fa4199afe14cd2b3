/* SPDX-License-Identifier: MIT */
#include "fastconv_api.h"

const fc_api *fc_get_api(void) {
    static const fc_api api = {
        .size = sizeof(fc_api),
        .status_text = fc_status_text,
        .get_num_threads = fc_get_num_threads,
        .limit_threads = fc_limit_threads,
        .get_precision = fc_get_precision,
        .resolve_padding = fc_resolve_padding,
        .conv2d_output_size = fc_conv2d_output_size,
        .conv2d = fc_conv2d,
        .conv2d_added = fc_conv2d_added,
        .conv2d_normalized = fc_conv2d_normalized,
        .conv2d_pool2d = fc_conv2d_pool2d,
        .conv2d_input_grad = fc_conv2d_input_grad,
        .conv2d_kernel_grad = fc_conv2d_kernel_grad,
        .bias_grad = fc_bias_grad,
        .conv2d_grads = fc_conv2d_grads,
        .pool2d_output_size = fc_pool2d_output_size,
        .pool2d = fc_pool2d,
        .pool2d_grad = fc_pool2d_grad,
        .max_pool2d_grad_grad = fc_max_pool2d_grad_grad,
        .activate = fc_activate,
        .activate_grad = fc_activate_grad,
        .relu = fc_relu,
        .relu_grad = fc_relu_grad,
        .softmax = fc_softmax,
        .softmax_grad = fc_softmax_grad,
        .dense = fc_dense,
        .dense_grads = fc_dense_grads,
    };
    return &api;
}
