/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_GRAD_SCATTER_H
#define FC_OPS_CONV2D_GRAD_SCATTER_H

#include "ops/conv2d/layer.h"

/* Whether the scattered input gradient beats the gathered one: few input channels under several taps. */
int fc_scatter_supports(const fc_conv2d_params *p);
/* dx of a layer that has outputs. */
fc_status fc_scatter_input_grad(const fc_layer *layer, const void *dy, const void *kernel, void *dx);

#endif
