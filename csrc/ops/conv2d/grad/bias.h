/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_GRAD_BIAS_H
#define FC_OPS_CONV2D_GRAD_BIAS_H

#include "ops/conv2d/view.h"

/* An activation whose gradient, dz = dy * f'(y), is taken on the way; y tells the derivative. */
typedef struct fc_activation_pass {
    fc_activation activation;
    double alpha;
    const void *y, *dy;
    void *dz;
} fc_activation_pass;

/* dbias[c] = the sum of dz, which `pass` writes first where it is not NULL: while it is in cache. The bits are those of
 * fc_bias_grad of dz. */
fc_status fc_bias_grad_of(fc_dtype dtype, fc_layout layout, ptrdiff_t n, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c,
    const fc_activation_pass *pass, const void *dz, void *dbias);

#endif
