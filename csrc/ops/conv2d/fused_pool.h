/* SPDX-License-Identifier: MIT */
/* A layer and the maximum in windows of 2 x 2 of its results, which stay in registers (kernels/body/conv_pool.h). */
#ifndef FC_OPS_CONV2D_FUSED_POOL_H
#define FC_OPS_CONV2D_FUSED_POOL_H

#include "ops/conv2d/algorithm.h"

int fc_fused_pool_supports(const fc_layer *layer, const fc_pool2d_params *pool);
/* Estimated cycles of one core, less those of the pooling as a pass of its own. */
double fc_fused_pool_cost(const fc_layer *layer, const fc_pool2d_params *pool);
/* packed: as FC_CONV_DIRECT packs the layer's kernel and bias. */
fc_status fc_fused_pool_run(
    const fc_layer *layer, const fc_pool2d_params *pool, const void *packed, int has_bias, const void *x, void *y);

#endif
