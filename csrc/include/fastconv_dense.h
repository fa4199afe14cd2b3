/* SPDX-License-Identifier: MIT */
/* Dense layers; fastconv.h includes it. */
#ifndef FASTCONV_DENSE_H
#define FASTCONV_DENSE_H

#include "fastconv_types.h"

FC_BEGIN

/* A layer of neurons: y (rows, outputs) = f(x (rows, inputs) kernel (inputs, outputs) + bias (outputs)). */
typedef struct fc_dense_params {
    fc_dtype dtype; /* F16, BF16, F32, F64 */
    ptrdiff_t rows, inputs, outputs;
    fc_activation activation;
    double alpha;
} fc_dense_params;

/* bias may be NULL. */
fc_status fc_dense(const fc_dense_params *p, const void *x, const void *kernel, const void *bias, void *y);
/* As fc_conv2d_grads. */
fc_status fc_dense_grads(const fc_dense_params *p, const void *x, const void *kernel, const void *y, const void *dy,
    void *dx, void *dkernel, void *dbias);

FC_END

#endif
