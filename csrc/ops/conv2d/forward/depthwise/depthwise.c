/* SPDX-License-Identifier: MIT */
/* One input channel a group, any number of output channels: no reuse between input channels, so memory speed is the
 * aim. */
#include "ops/conv2d/forward/depthwise/depthwise.h"

#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/elementwise/activation.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/gemm/tile.h"

static int is_short(const fc_taps *taps) {
    return taps->stride <= FC_DEPTHWISE_LONGEST && fc_depthwise_span(taps) <= FC_DEPTHWISE_LONGEST;
}

static int supports(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    return v->src.c == 1 && v->dst.c && is_short(&v->rows) && is_short(&v->cols);
}

static ptrdiff_t lanes_of(const fc_layer *layer) {
    const fc_gemm_tile *tile = fc_gemm_tiles(layer->kernels, layer->view.dtype);
    return (ptrdiff_t)(tile->cols / tile->vectors);
}

/* has_cells: channels as lanes. */
typedef struct way {
    int has_cells;
    fc_depthwise_cut (*cut)(const fc_conv_view *view);
    fc_task *task;
} way;
static const way cells = {1, fc_depthwise_cut_cells, fc_depthwise_cells_task};
static const way planes = {0, fc_depthwise_cut_planes, fc_depthwise_planes_task};
static const way transposed = {1, fc_depthwise_cut_transposed, fc_depthwise_transposed_task};

static const way *way_of(const fc_layer *layer) {
    if (layer->params.layout == FC_NHWC)
        return &cells;
    return fc_depthwise_is_transposed(&layer->view, lanes_of(layer)) ? &transposed : &planes;
}

/*
 * The kernel, (taps, channels), and the bias, in the compute type; for NCHW also the kernel as (channels, taps): which
 * of them a run reads depends on its rows, and the bands of a layer have fewer than the whole.
 */
static fc_status packed_bytes(const fc_layer *layer, size_t *bytes) {
    const fc_conv2d_params *p = &layer->params;
    const ptrdiff_t taps = p->k_h * p->k_w;
    const ptrdiff_t factors[] = {
        p->layout == FC_NHWC ? taps + 1 : 2 * taps + 1, p->c_out, (ptrdiff_t)fc_dtype_size(fc_compute_dtype(p->dtype))};
    return fc_multiply(factors, 3, bytes);
}

/* (taps, channels) of a few channels at a time to (channels, taps), in the compute type. */
static void transpose_taps(const fc_layer *layer, const char *kernel, char *packed) {
    enum { AT_ONCE = 16 };
    const fc_conv_view *v = &layer->view;
    const size_t taps = fc_view_k(v), channels = (size_t)fc_depthwise_channels(v), from = fc_dtype_size(v->dtype),
                 to = fc_depthwise_size(v);
    for (size_t t = 0; t < taps; t++)
        for (size_t c = 0; c < channels; c += AT_ONCE) {
            const size_t count = channels - c < AT_ONCE ? channels - c : AT_ONCE;
            double wide[AT_ONCE];
            fc_pack_bias(layer->kernels, v->dtype, kernel + (t * channels + c) * from, count, count, wide);
            for (size_t i = 0; i < count; i++)
                memcpy(packed + ((c + i) * taps + t) * to, (const char *)wide + i * to, to);
        }
}

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    const fc_layer *layer = &plan->layer;
    const fc_conv_view *v = &layer->view;
    const size_t taps = fc_view_k(v), channels = (size_t)fc_depthwise_channels(v);
    fc_pack_bias(layer->kernels, v->dtype, kernel, taps * channels, taps * channels, packed);
    if (layer->params.layout == FC_NCHW)
        transpose_taps(layer, kernel, (char *)packed + (taps + 1) * channels * fc_depthwise_size(v));
    if (bias)
        fc_pack_bias(layer->kernels, v->dtype, bias, channels, channels,
            (char *)packed + taps * channels * fc_depthwise_size(v));
}

void fc_depthwise_activate(const fc_depthwise_job *job, size_t count, char *y) {
    const fc_epilogue *e = job->epilogue;
    if (e->activation != FC_LINEAR && !fc_is_clamp(e->activation))
        fc_activation_kernel(job->kernels, fc_compute_dtype(job->view->dtype), e->activation)(count, e->alpha, y, y);
}

double fc_depthwise_work(const fc_conv_view *v) {
    const double outputs = (double)fc_view_pixels(v) * (double)fc_depthwise_channels(v),
                 inputs = (double)(v->n * v->src.h * v->src.w * v->groups);
    const double flops = 2 * outputs * (double)fc_view_k(v),
                 moved = 4 * (double)fc_dtype_size(v->dtype) * (outputs + inputs);
    return flops > moved ? flops : moved;
}

/* The vectors of a row of outputs, channels or columns in the lanes; one that channels do not fill counts as more. */
static double row_vectors(const fc_layer *layer, const way *w) {
    const fc_conv_view *v = &layer->view;
    const ptrdiff_t lanes = lanes_of(layer), channels = fc_depthwise_channels(v);
    if (!w->has_cells)
        return (double)(channels * fc_ceil_div(v->dst.w, lanes));
    const double unfilled = channels % lanes ? fc_costs_of(layer->kernels)->depthwise_unfilled : 0;
    return (double)v->dst.w * ((double)(channels / lanes) + unfilled);
}

/* The vectors of all outputs times their taps, with what it takes to start and store one, and the staging. */
static double cycles_of(const fc_layer *layer, const way *w) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_conv_view *v = &layer->view;
    const int is_staged = w != &cells || v->dst.c > 1 || fc_is_half(v->dtype);
    const double vectors = (double)(v->n * v->dst.h) * row_vectors(layer, w),
                 staged = (double)(v->n * v->src.h * v->src.w) * (double)fc_depthwise_channels(v);
    const double step = v->rows.count == v->cols.count && (v->cols.count == 3 || v->cols.count == 5)
        ? costs->depthwise_step
        : costs->depthwise_rolled;
    const double vector = costs->depthwise_staged / (double)lanes_of(layer);
    const double each = w == &cells && v->dst.c > 1 ? vector + costs->depthwise_repeated / (double)v->dst.c
        : w == &planes && v->cols.stride > 2        ? costs->depthwise_strided
        : w == &transposed                          ? costs->depthwise_transposed
                                                    : vector;
    const double slower = w->has_cells && v->dst.c > 1 ? costs->depthwise_multiplied : 1;
    return slower * vectors * (step * (double)fc_view_k(v) + costs->depthwise_vector) + (is_staged ? staged * each : 0);
}

typedef struct depthwise_plan {
    const way *way;
    fc_depthwise_cut cut;
} depthwise_plan;

static fc_status plan_layer(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    (void)purpose;
    if (!supports(layer))
        return FC_BAD_ARGUMENT;
    depthwise_plan own = {.way = way_of(layer)};
    own.cut = own.way->cut(&layer->view);
    FC_TRY(packed_bytes(layer, &plan->packed_bytes));
    plan->cycles = cycles_of(layer, own.way);
    plan->tile_rows = 1;
    plan->tile_cols = 1;
    plan->pixels_in_rows = layer->params.layout == FC_NHWC;
    plan->block_pixels = (size_t)(own.cut.band * layer->view.dst.w);
    plan->block_k = fc_view_k(&layer->view);
    plan->tasks = own.cut.tasks;
    plan->work = fc_depthwise_work(&layer->view);
    plan->shared_bytes = own.cut.shared_bytes;
    plan->worker_bytes = own.cut.worker_bytes;
    FC_SET_OWN(plan, own);
    return FC_OK;
}

static fc_status run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    const fc_conv_view *v = &plan->layer.view;
    depthwise_plan own;
    FC_GET_OWN(plan, own);
    fc_depthwise_job job = {.kernels = plan->layer.kernels,
        .view = v,
        .epilogue = epilogue,
        .cut = own.cut,
        .packed = weights->packed,
        .x = x,
        .y = y};
    const size_t tap_bytes = (size_t)fc_depthwise_channels(v) * fc_depthwise_size(v),
                 workers = fc_parallel_workers(plan->tasks, plan->work);
    if (epilogue->has_bias)
        job.bias = job.packed + fc_view_k(v) * tap_bytes;
    if (!own.way->has_cells)
        job.packed += (fc_view_k(v) + 1) * tap_bytes;
    job.scratch = fc_scratch_alloc(fc_plan_scratch(plan, workers));
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    memset(job.scratch, 0, job.cut.shared_bytes);
    for (size_t worker = 0; worker < workers; worker++)
        *(int *)(job.scratch + job.cut.shared_bytes + worker * job.cut.worker_bytes) = 0;
    fc_parallel_for(plan->tasks, workers, own.way->task, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}

const fc_algorithm fc_algorithm_depthwise = {
    .name = "depthwise",
    .requires = "one input channel a group, and a window and strides of at most 4096 cells",
    .plan = plan_layer,
    .pack = pack,
    .run = run,
};
