/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/plan_cache.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "core/parallel.h"
#include "ops/conv2d/costs.h"

enum {
    KEPT = 32,
    SIZES = (offsetof(fc_conv2d_params, groups) - offsetof(fc_conv2d_params, n)) / sizeof(ptrdiff_t) + 1
};

typedef struct kept_plan {
    const fc_kernels *kernels; /* NULL where there is none yet */
    fc_conv2d_params params;
    fc_purpose purpose;
    double runs;
    size_t threads;
    int nested;
    unsigned costs;
    fc_layer_plan plan;
} kept_plan;

static _Thread_local kept_plan plans[KEPT];

static const char *sizes_of(const fc_conv2d_params *p) { return (const char *)p + offsetof(fc_conv2d_params, n); }

static kept_plan *place_of(const fc_plan_key *key) {
    ptrdiff_t sizes[SIZES];
    size_t sum = (size_t)key->purpose;
    memcpy(sizes, sizes_of(&key->layer->params), sizeof sizes);
    for (size_t i = 0; i < SIZES; i++)
        sum = sum * 31 + (size_t)sizes[i];
    return &plans[(sum ^ sum >> 16) % KEPT];
}

static int are_alike(const fc_conv2d_params *a, const fc_conv2d_params *b) {
    return !memcmp(sizes_of(a), sizes_of(b), SIZES * sizeof(ptrdiff_t)) && a->dtype == b->dtype &&
        a->kernel_dtype == b->kernel_dtype && a->layout == b->layout && a->activation == b->activation &&
        a->alpha == b->alpha && a->precision == b->precision && a->algorithm == b->algorithm;
}

fc_plan_key fc_plan_key_of(const fc_layer *layer, fc_purpose purpose, double runs) {
    return (fc_plan_key){
        layer, purpose, runs, fc_parallel_workers(SIZE_MAX, INFINITY), fc_inside_task(), fc_costs_version()};
}

int fc_plan_recall(const fc_plan_key *key, fc_layer_plan *plan) {
    const kept_plan *found = place_of(key);
    if (found->kernels != key->layer->kernels || found->purpose != key->purpose || found->runs != key->runs ||
        found->threads != key->threads || found->nested != key->nested || found->costs != key->costs ||
        !are_alike(&found->params, &key->layer->params))
        return 0;
    *plan = found->plan;
    return 1;
}

void fc_plan_remember(const fc_plan_key *key, const fc_layer_plan *plan) {
    *place_of(key) = (kept_plan){
        key->layer->kernels, key->layer->params, key->purpose, key->runs, key->threads, key->nested, key->costs, *plan};
}
