/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/plan_cache.h"

#include <math.h>
#include <stdint.h>

#include "core/parallel.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/kept_plans.h"
#include "ops/conv2d/params.h"

enum { KEPT = 32 };

typedef struct cached_plan {
    const fc_kernels *kernels; /* NULL where there is none yet */
    fc_conv2d_params params;
    fc_purpose purpose;
    double runs;
    size_t threads;
    int nested;
    unsigned costs, choices;
    fc_layer_plan plan;
} cached_plan;

static _Thread_local cached_plan plans[KEPT];

static cached_plan *place_of(const fc_plan_key *key) {
    return &plans[fc_params_hash(&key->layer->params, (size_t)key->purpose) % KEPT];
}

fc_plan_key fc_plan_key_of(const fc_layer *layer, fc_purpose purpose, double runs) {
    return (fc_plan_key){layer, purpose, runs, fc_parallel_workers(SIZE_MAX, INFINITY), fc_inside_task(),
        fc_costs_version(), fc_kept_plans_version()};
}

int fc_plan_recall(const fc_plan_key *key, fc_layer_plan *plan) {
    const cached_plan *found = place_of(key);
    if (found->kernels != key->layer->kernels || found->purpose != key->purpose || found->runs != key->runs ||
        found->threads != key->threads || found->nested != key->nested || found->costs != key->costs ||
        found->choices != key->choices || !fc_params_equal(&found->params, &key->layer->params))
        return 0;
    *plan = found->plan;
    return 1;
}

void fc_plan_remember(const fc_plan_key *key, const fc_layer_plan *plan) {
    *place_of(key) = (cached_plan){key->layer->kernels, key->layer->params, key->purpose, key->runs, key->threads,
        key->nested, key->costs, key->choices, *plan};
}
