/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/choose.h"

#include "core/size.h"
#include "ops/conv2d/kept_plans.h"
#include "ops/conv2d/measure.h"
#include "ops/conv2d/plan_cache.h"

static fc_status make_cheapest(
    const fc_algorithms *algorithms, const fc_layer *layer, double runs, fc_layer_plan *plan) {
    fc_layer_plan made;
    double least = 0;
    int found = 0;
    for (int id = 1; id < algorithms->count; id++) {
        if (algorithms->make(layer, id, algorithms->purpose, &made) || made.by_name_only)
            continue; /* too large for this one is not too large for all */
        const double cycles = runs * made.cycles + made.packing_cycles;
        if (found && cycles >= least)
            continue;
        least = cycles;
        found = 1;
        *plan = made;
    }
    return found ? FC_OK : FC_TOO_LARGE;
}

/* What is kept for the layer or measured now; 0 for neither. */
static int find_algorithm(const fc_algorithms *algorithms, const fc_layer *layer) {
    const int kept = fc_kept_algorithm(layer, algorithms->purpose);
    if (kept || fc_get_planning() != FC_PLANNING_MEASURE || !fc_may_keep_plans())
        return kept;
    const int fastest = fc_measure_fastest(algorithms, layer);
    return fastest ? fc_keep_measured(layer, algorithms->purpose, fastest) : 0;
}

fc_status fc_choose_plan(const fc_algorithms *algorithms, const fc_layer *layer, double runs, fc_layer_plan *plan) {
    const fc_plan_key key = fc_plan_key_of(layer, algorithms->purpose, runs);
    int id = (int)layer->params.algorithm, settled = id || runs != 1;
    if (fc_plan_recall(&key, plan))
        return FC_OK;
    if (id)
        FC_TRY(algorithms->make(layer, id, algorithms->purpose, plan));
    else {
        id = runs == 1 ? find_algorithm(algorithms, layer) : 0;
        settled |= id || fc_get_planning() == FC_PLANNING_ESTIMATE;
        if (!id || algorithms->make(layer, id, algorithms->purpose, plan))
            FC_TRY(make_cheapest(algorithms, layer, runs, plan));
    }
    if (algorithms->complete)
        algorithms->complete(plan);
    if (settled) /* or it may be measured next time */
        fc_plan_remember(&key, plan);
    return FC_OK;
}
