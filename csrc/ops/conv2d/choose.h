/* SPDX-License-Identifier: MIT */
/* Choosing among the algorithms of a pass: the one that is kept for the layer, or else the fastest, or else the one of
 * the least estimated cycles. */
#ifndef FC_OPS_CONV2D_CHOOSE_H
#define FC_OPS_CONV2D_CHOOSE_H

#include "ops/conv2d/plan.h"

/* Tensors of a layer's sizes that a plan is timed on. */
typedef struct fc_trial {
    void *x, *kernel, *y;
    void *packed; /* what fc_algorithms.pack made; freed with fc_scratch_free */
} fc_trial;

/* The algorithms of a pass. */
typedef struct fc_algorithms {
    fc_purpose purpose;
    int count; /* ids are 1 to count - 1 */
    fc_status (*make)(const fc_layer *layer, int id, fc_purpose purpose, fc_layer_plan *plan);
    void (*complete)(fc_layer_plan *plan); /* what choosing does not ask for; NULL where there is no more */
    fc_status (*pack)(const fc_layer_plan *plan, fc_trial *on); /* what a run is not timed with; NULL for nothing */
    fc_status (*run)(const void *call, const fc_layer_plan *plan, const fc_trial *on);
    const void *call;
} fc_algorithms;

/* The plan by the algorithm that the layer asks for, or by the one that is chosen for `runs` runs with one kernel. */
fc_status fc_choose_plan(const fc_algorithms *algorithms, const fc_layer *layer, double runs, fc_layer_plan *plan);

/* Of a purpose other than FC_KERNEL_GRADIENT. */
fc_algorithms fc_forward_algorithms(fc_purpose purpose);
/* fc_plan_layer with such algorithms. */
fc_status fc_plan_layer_by(const fc_algorithms *algorithms, const fc_layer *layer, double runs, fc_layer_plan *plan);

#endif
