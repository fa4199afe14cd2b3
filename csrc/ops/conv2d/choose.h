/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_CHOOSE_H
#define FC_OPS_CONV2D_CHOOSE_H

#include "ops/conv2d/layer.h"
#include "ops/conv2d/plan_cache.h"

/* The algorithm for one run of the layer, its packing included. */
fc_status fc_layer_choose(const fc_layer *layer, fc_conv2d_algorithm *chosen);
/* The same where the view reads a kernel across, and transposing it for an algorithm that does not is counted. */
fc_status fc_layer_choose_transposed(const fc_layer *layer, fc_conv2d_algorithm *chosen);
/* The cheapest to run image by image. */
fc_status fc_layer_choose_by_image(const fc_layer *layer, fc_conv2d_algorithm *chosen);
fc_status fc_layer_choose_for(const fc_layer *layer, fc_occasion occasion, fc_conv2d_algorithm *chosen);
/* Cycles of one core for what an occasion asks of an algorithm that serves. */
fc_status fc_layer_estimate(const fc_layer *layer, fc_conv2d_algorithm id, fc_occasion occasion, double *cycles);

#endif
