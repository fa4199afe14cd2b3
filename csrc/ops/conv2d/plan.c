/* SPDX-License-Identifier: MIT */
/* Planning a layer with the forward algorithms, and running its plan. */
#include "ops/conv2d/plan.h"

#include "core/caller.h"
#include "core/cpu.h"
#include "core/scratch.h"
#include "core/shape.h"
#include "core/size.h"
#include "ops/conv2d/algorithm.h"
#include "ops/conv2d/choose.h"
#include "ops/conv2d/costs.h"

void fc_plan_begin(const fc_layer *layer, int id, fc_layer_plan *plan) {
    memset(plan, 0, offsetof(fc_layer_plan, own));
    plan->id = id;
    plan->layer = *layer;
    plan->loops = 1;
}

/* Cycles of packing for one run. */
static double packing_cycles(const fc_layer_plan *plan) {
    const fc_costs *costs = fc_costs_of(plan->layer.kernels);
    if (plan->packing_cycles >= 0)
        return plan->packing_cycles;
    const double byte = plan->packs_on_demand      ? costs->pack_on_demand
        : plan->packed_bytes > fc_caches()->l3 / 2 ? costs->pack_in_memory
                                                   : costs->pack_in_cache;
    return byte * (double)plan->packed_bytes + costs->pack_row * (double)plan->packed_rows;
}

static double kernel_bytes(const fc_layer *layer) {
    return (double)fc_view_k(&layer->view) * (double)layer->params.c_out * (double)fc_dtype_size(layer->params.dtype);
}

/* Cycles that a kernel which lies across adds to one run: those of transposing it, or of exchanging its channels in
 * packing. */
static double transposing_cycles(const fc_layer *layer, int reads_across) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    return (reads_across ? costs->kernel_exchanged : costs->kernel_transposed) * kernel_bytes(layer);
}

/* What of a prepared kernel the caches near the core do not keep from run to run: between two runs of a network all
 * its other kernels are read. Panels are asked for ahead; rows read in place are not. */
static double reading_cycles(const fc_layer_plan *plan) {
    const fc_costs *costs = fc_costs_of(plan->layer.kernels);
    const double l2 = (double)fc_caches()->l2, packed = (double)plan->packed_bytes, plain = kernel_bytes(&plan->layer);
    if (!plan->packed_bytes)
        return plain > l2 / 2 ? costs->kernel_read_in_place * plain : 0;
    return packed > l2 ? costs->kernel_read * packed : 0;
}

static fc_status make_plan(const fc_layer *layer, int id, fc_purpose purpose, fc_layer_plan *plan) {
    const fc_algorithm *algorithm = fc_algorithm_of(id);
    fc_layer plain;
    if (algorithm->integers != fc_is_integer(layer->params.dtype))
        return FC_BAD_ARGUMENT;
    if (purpose == FC_RUN_TRANSPOSED && !algorithm->reads_across) {
        plain = *layer;
        FC_TRY(fc_forward_view(&layer->params, &plain.view));
        layer = &plain;
    }
    fc_plan_begin(layer, id, plan);
    plan->packing_cycles = -1;
    FC_TRY(algorithm->plan(layer, purpose, plan));
    plan->packing_cycles = purpose == FC_RUN_PREPARED ? 0 : packing_cycles(plan);
    plan->cycles += purpose == FC_RUN_PREPARED ? reading_cycles(plan) : 0;
    if (purpose == FC_RUN_TRANSPOSED)
        plan->packing_cycles += transposing_cycles(layer, algorithm->reads_across);
    return FC_OK;
}

static void complete(fc_layer_plan *plan) {
    if (fc_algorithm_of(plan->id)->complete)
        fc_algorithm_of(plan->id)->complete(plan);
}

fc_status fc_plan_with(const fc_layer *layer, fc_conv2d_algorithm id, fc_purpose purpose, fc_layer_plan *plan) {
    FC_TRY(make_plan(layer, (int)id, purpose, plan));
    complete(plan);
    return FC_OK;
}

/*
 * A layer of the same kind with a few outputs and no size of 0: an image too narrow for some algorithm says nothing of
 * others. Algorithms ask of a dilation only whether it is 1.
 */
static fc_status make_stand_in(const fc_layer *layer, fc_layer *stand_in) {
    enum { MORE = 3, DILATED = 2 };
    fc_conv2d_params p = layer->params;
    p.n = 1;
    p.c_in = fc_max(p.c_in, p.groups);
    p.c_out = fc_max(p.c_out, p.groups);
    p.pad_top = p.pad_bottom = p.pad_left = p.pad_right = 0;
    p.dilation_h = fc_min(p.dilation_h, DILATED);
    p.dilation_w = fc_min(p.dilation_w, DILATED);
    FC_TRY(fc_window_span(p.k_h, p.dilation_h, &p.h));
    FC_TRY(fc_window_span(p.k_w, p.dilation_w, &p.w));
    p.h = fc_min(p.h, PTRDIFF_MAX - MORE) + MORE;
    p.w = fc_min(p.w, PTRDIFF_MAX - MORE) + MORE;
    return fc_layer_make_for(&p, layer->kernels, stand_in);
}

static int is_trivial(const fc_layer *layer) {
    return fc_layer_is_empty(layer) || !layer->params.c_in || !layer->params.h || !layer->params.w;
}

/* No outputs, or the bias alone in them: the result is the same whatever is asked for, and the algorithms need not
 * expect such sizes. */
static fc_status plan_trivial(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    const fc_conv2d_algorithm wanted = layer->params.algorithm;
    if (wanted != FC_CONV_AUTO) {
        fc_layer stand_in;
        FC_TRY(make_stand_in(layer, &stand_in));
        if (make_plan(&stand_in, (int)wanted, purpose, plan) == FC_BAD_ARGUMENT)
            return FC_BAD_ARGUMENT;
    }
    const fc_conv2d_algorithm plain = fc_is_integer(layer->params.dtype) ? FC_CONV_INTEGER : FC_CONV_PACKED;
    fc_plan_begin(layer, (int)plain, plan);
    return fc_layer_is_empty(layer) ? FC_OK : fc_plan_with(layer, plain, purpose, plan);
}

static fc_status pack_trial(const fc_layer_plan *plan, fc_trial *on) {
    return fc_plan_pack(plan, on->kernel, NULL, &on->packed);
}

static fc_status run_packed_trial(const void *call, const fc_layer_plan *plan, const fc_trial *on) {
    (void)call;
    return fc_plan_run(plan, &(fc_layer_weights){on->kernel, NULL, on->packed}, on->x, on->y);
}

static fc_status run_trial(const void *call, const fc_layer_plan *plan, const fc_trial *on) {
    (void)call;
    return fc_plan_run_once(plan, on->kernel, NULL, on->x, on->y);
}

fc_algorithms fc_forward_algorithms(fc_purpose purpose) {
    const int prepared = purpose == FC_RUN_PREPARED;
    return (fc_algorithms){.purpose = purpose,
        .count = FC_CONV_ALGORITHM_COUNT,
        .make = make_plan,
        .complete = complete,
        .pack = prepared ? pack_trial : NULL,
        .run = prepared ? run_packed_trial : run_trial};
}

fc_status fc_plan_layer_by(const fc_algorithms *algorithms, const fc_layer *layer, double runs, fc_layer_plan *plan) {
    return is_trivial(layer) ? plan_trivial(layer, algorithms->purpose, plan)
                             : fc_choose_plan(algorithms, layer, runs, plan);
}

fc_status fc_plan_layer(const fc_layer *layer, fc_purpose purpose, double runs, fc_layer_plan *plan) {
    const fc_algorithms algorithms = fc_forward_algorithms(purpose);
    return fc_plan_layer_by(&algorithms, layer, runs, plan);
}

int fc_plan_reads_kernel(const fc_layer_plan *plan) {
    const fc_algorithm *algorithm = fc_algorithm_of(plan->id);
    return plan->packs_on_demand || !algorithm->pack || algorithm->keeps_kernel;
}

fc_status fc_plan_pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void **packed) {
    const fc_algorithm *algorithm = fc_algorithm_of(plan->id);
    *packed = fc_scratch_alloc(plan->packed_bytes);
    if (!*packed)
        return FC_OUT_OF_MEMORY;
    if (algorithm->pack)
        algorithm->pack(plan, kernel, bias, *packed);
    if (!fc_interrupted())
        return FC_OK;
    fc_scratch_free(*packed); /* half packed: it might be kept */
    *packed = NULL;
    return FC_OUT_OF_MEMORY; /* means nothing: fc_leave tells that the call was ended */
}

fc_status fc_plan_run(const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y) {
    const fc_layer *layer = &plan->layer;
    const fc_epilogue epilogue = {
        weights->bias != NULL, layer->params.activation, layer->params.alpha, layer->scale, layer->added};
    return fc_algorithm_of(plan->id)->run(plan, weights, x, y, &epilogue);
}

fc_status fc_plan_run_once(const fc_layer_plan *plan, const void *kernel, const void *bias, const void *x, void *y) {
    return fc_plan_run_once_adding(plan, kernel, bias, x, NULL, y);
}

fc_status fc_plan_run_once_adding(
    const fc_layer_plan *plan, const void *kernel, const void *bias, const void *x, const void *added, void *y) {
    void *packed = NULL;
    if (fc_layer_is_empty(&plan->layer))
        return FC_OK;
    if (!plan->packs_on_demand)
        FC_TRY(fc_plan_pack(plan, kernel, bias, &packed));
    const fc_status status = fc_plan_run_adding(plan, &(fc_layer_weights){kernel, bias, packed}, x, added, y);
    fc_scratch_free(packed);
    return status;
}
