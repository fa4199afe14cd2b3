/* SPDX-License-Identifier: MIT */
/* A convolution with what follows it in a network, as one operation; fastconv.h includes it. */
#ifndef FASTCONV_FUSED_H
#define FASTCONV_FUSED_H

#include "fastconv_types.h"

FC_BEGIN

/* fc_conv2d, then pooling of its result, which is never whole in memory. pool: n, h, w, c as the convolution gives
 * them. */
fc_status fc_conv2d_pool2d(const fc_conv2d_params *conv, const fc_pool2d_params *pool, const void *x,
    const void *kernel, const void *bias, void *y);

/* A batch normalization in inference: (z - mean) / sqrt(variance + epsilon) * gamma + beta, c_out numbers each; gamma,
 * beta: NULL for 1, 0. */
typedef struct fc_normalization {
    const void *mean, *variance, *gamma, *beta;
    double epsilon;
} fc_normalization;
/* y = f(z normalized + added), z the convolution with its bias; added: of y's shape, another tensor, or NULL. F32 and
 * F64. */
fc_status fc_conv2d_normalized(const fc_conv2d_params *p, const fc_normalization *normalization, const void *x,
    const void *kernel, const void *bias, const void *added, void *y);
/* y = f(z + added), z the convolution with its bias or none; added: of y's shape, another tensor. F32 and F64. */
fc_status fc_conv2d_added(
    const fc_conv2d_params *p, const void *x, const void *kernel, const void *bias, const void *added, void *y);
/* fc_conv2d_run with a tensor of y's shape, other memory, added before the activation; NULL for none. F32 and F64. */
fc_status fc_conv2d_run_added(
    const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const void *x, const void *added, void *y);
/*
 * fc_conv2d_run, then pooling of its result in windows of 2 x 2, which stays in registers: F32 and F64, channels last,
 * one group, columns without dilation, FC_LINEAR or FC_RELU, maxima without pads and with strides of 2; FC_BAD_ARGUMENT
 * for others. *better: whether it serves, and costs less than the two one by one.
 */
fc_status fc_conv2d_run_pooled(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p,
    const fc_pool2d_params *pool, const void *x, void *y);
fc_status fc_conv2d_prepared_pools(
    const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const fc_pool2d_params *pool, int *better);
/* The algorithm that fc_conv2d_run takes. */
fc_status fc_conv2d_prepared_choose(
    const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, fc_conv2d_algorithm *chosen);

FC_END

#endif
