/* SPDX-License-Identifier: MIT */
/* fastconv's entry points as data. */
#ifndef FASTCONV_API_H
#define FASTCONV_API_H

#include "fastconv.h"

FC_BEGIN

/* Handed to a framework's op library, so that it shares this copy of the kernels and settings. */
typedef struct fc_api {
    size_t size; /* sizeof(fc_api) of the library that fills it */
    const char *(*status_text)(fc_status);
    int (*get_num_threads)(void);
    int (*limit_threads)(int);
    fc_precision (*get_precision)(void);
    fc_status (*resolve_padding)(fc_padding, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t *, ptrdiff_t *);
    fc_status (*conv2d_output_size)(const fc_conv2d_params *, ptrdiff_t *, ptrdiff_t *);
    fc_status (*conv2d)(const fc_conv2d_params *, const void *, const void *, const void *, void *);
    fc_status (*conv2d_added)(const fc_conv2d_params *, const void *, const void *, const void *, const void *, void *);
    fc_status (*conv2d_normalized)(const fc_conv2d_params *, const fc_normalization *, const void *, const void *,
        const void *, const void *, void *);
    fc_status (*conv2d_pool2d)(
        const fc_conv2d_params *, const fc_pool2d_params *, const void *, const void *, const void *, void *);
    fc_status (*conv2d_input_grad)(const fc_conv2d_params *, const void *, const void *, void *);
    fc_status (*conv2d_kernel_grad)(const fc_conv2d_params *, fc_kernel_grad_id, const void *, const void *, void *);
    fc_status (*bias_grad)(fc_dtype, fc_layout, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, void *);
    fc_status (*conv2d_grads)(
        const fc_conv2d_params *, const void *, const void *, const void *, const void *, void *, void *, void *);
    fc_status (*pool2d_output_size)(const fc_pool2d_params *, ptrdiff_t *, ptrdiff_t *);
    fc_status (*pool2d)(const fc_pool2d_params *, const void *, void *);
    fc_status (*pool2d_grad)(const fc_pool2d_params *, const void *, const void *, void *);
    fc_status (*max_pool2d_grad_grad)(const fc_pool2d_params *, const void *, const void *, void *);
    fc_status (*activate)(fc_dtype, fc_activation, double, size_t, const void *, void *);
    fc_status (*activate_grad)(
        fc_dtype, fc_activation, double, size_t, const void *, const void *, const void *, void *);
    fc_status (*relu)(fc_dtype, const fc_relu_params *, size_t, const void *, void *);
    fc_status (*relu_grad)(fc_dtype, const fc_relu_params *, size_t, const void *, const void *, void *);
    fc_status (*softmax)(fc_dtype, size_t, size_t, size_t, const void *, void *);
    fc_status (*softmax_grad)(fc_dtype, size_t, size_t, size_t, const void *, const void *, void *);
    fc_status (*dense)(const fc_dense_params *, const void *, const void *, const void *, void *);
    fc_status (*dense_grads)(
        const fc_dense_params *, const void *, const void *, const void *, const void *, void *, void *, void *);
} fc_api;

const fc_api *fc_get_api(void);

FC_END

#endif
