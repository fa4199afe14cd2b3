/* SPDX-License-Identifier: MIT */
/* The algorithms that were measured, or given to fc_keep_plan, by layer: of the process, for all its threads. */
#ifndef FC_OPS_CONV2D_KEPT_PLANS_H
#define FC_OPS_CONV2D_KEPT_PLANS_H

#include "fastconv_plans.h"
#include "ops/conv2d/layer.h"

/* The id that holds for a layer; 0 for none. */
int fc_kept_algorithm(const fc_layer *layer, fc_purpose purpose);
/* Whether there is room for one more. */
int fc_may_keep_plans(void);
/* Keeps the id of the fastest algorithm, unless another thread was first; the id that is kept, 0 where there is no
 * room. */
int fc_keep_measured(const fc_layer *layer, fc_purpose purpose, int id);
/* Keeps an id whatever was kept; 0 where there is no room. */
int fc_keep_given(const fc_layer *layer, fc_purpose purpose, int id);
/* How often the setting or what holds was changed: plans made before do not hold. */
unsigned fc_kept_plans_version(void);

#endif
