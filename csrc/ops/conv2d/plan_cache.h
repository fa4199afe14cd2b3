/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_PLAN_CACHE_H
#define FC_OPS_CONV2D_PLAN_CACHE_H

#include "ops/conv2d/algorithm.h"

/* What is computed of a layer, and how often, on other inputs, with the same kernel. */
typedef enum fc_computed {
    FC_FORWARD,
    FC_FORWARD_AND_PACKING,
    FC_FORWARD_AND_TRANSPOSING,
    FC_KERNEL_GRADIENT
} fc_computed;
typedef struct fc_occasion {
    fc_computed computed;
    double runs;
} fc_occasion;

/* The id of an algorithm; 0, which stands for none, unless this thread remembers what it chose for such a layer on such
 * an occasion. */
int fc_chosen_before(const fc_layer *layer, fc_occasion occasion);
void fc_remember_choice(const fc_layer *layer, fc_occasion occasion, int chosen);

#endif
