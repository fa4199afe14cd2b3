/* SPDX-License-Identifier: MIT */
/* The last plans of a thread. Planning asks every algorithm, which takes as long as a small layer, and the layers of a
 * network come again. */
#ifndef FC_OPS_CONV2D_PLAN_CACHE_H
#define FC_OPS_CONV2D_PLAN_CACHE_H

#include "ops/conv2d/plan.h"

/* Everything that a plan follows from. The layer's view is that of its parameters, or of reading the kernel across for
 * FC_RUN_TRANSPOSED; its scale and added are NULL. */
typedef struct fc_plan_key {
    const fc_layer *layer;
    fc_purpose purpose;
    double runs;
    size_t threads;          /* of this call */
    int nested;              /* in a task of another loop */
    unsigned costs, choices; /* their versions */
} fc_plan_key;

fc_plan_key fc_plan_key_of(const fc_layer *layer, fc_purpose purpose, double runs);
/* Whether this thread has a plan for the key, which it copies. */
int fc_plan_recall(const fc_plan_key *key, fc_layer_plan *plan);
void fc_plan_remember(const fc_plan_key *key, const fc_layer_plan *plan);

#endif
