/* SPDX-License-Identifier: MIT */
/* What the ops of convolution share. */
#ifndef FASTCONV_TENSORFLOW_CONV2D_H
#define FASTCONV_TENSORFLOW_CONV2D_H

#include "tensorflow/op.h"

typedef struct conv_kernel {
    op_kernel base;
    fc_layout layout;
    ptrdiff_t strides[2], dilations[2];
    window_padding padding;
    ptrdiff_t groups;
    fc_activation activation;
    double alpha;
    int wanted[3]; /* of all gradients in one op: dx, dkernel, dbias */
    int has_output_padding;
    ptrdiff_t output_padding[2];
} conv_kernel;

/* The geometry of x (n,h,w,c_in or n,c_in,h,w) with a kernel (k_h,k_w,c_in/groups,c_out), and the output's shape. */
int conv_geometry(call *c, const input *x, const input *kernel, fc_conv2d_params *p, int64_t out[4]);
/* An input of one number an output channel. */
const void *conv_channels_input(call *c, int index, const char *name, const fc_conv2d_params *p);
/* A kernel with the attributes of a convolution and an activation. */
creation conv_create_activated(TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *));

extern const op_spec fc_tf_scaled_input_grad;

#endif
