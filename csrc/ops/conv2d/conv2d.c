/* SPDX-License-Identifier: MIT */
/* The forward pass, and what is known of it before it runs. */
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/size.h"
#include "ops/conv2d/algorithm.h"

const char *fc_conv2d_algorithm_name(fc_conv2d_algorithm id) {
    if (id == FC_CONV_AUTO)
        return "auto";
    return id > FC_CONV_AUTO && id < FC_CONV_ALGORITHM_COUNT ? fc_algorithm_of(id)->name : NULL;
}

const char *fc_conv2d_algorithm_requires(fc_conv2d_algorithm id) {
    return id > FC_CONV_AUTO && id < FC_CONV_ALGORITHM_COUNT ? fc_algorithm_of(id)->
                                                                   requires
                                                             : "nothing";
}

fc_status fc_conv2d(const fc_conv2d_params *p, const void *x, const void *kernel, const void *bias, void *y) {
    fc_layer layer;
    fc_layer_plan plan;
    FC_TRY(fc_layer_make(p, &layer));
    FC_TRY(fc_plan_layer(&layer, FC_RUN_ONCE, 1, &plan));
    return fc_plan_run_once(&plan, kernel, bias, x, y);
}

fc_status fc_conv2d_supports(const fc_conv2d_params *p) {
    fc_layer layer;
    fc_layer_plan plan;
    FC_TRY(fc_layer_make(p, &layer));
    return fc_plan_layer(&layer, FC_RUN_ONCE, 1, &plan);
}

static void describe(const fc_layer_plan *plan, fc_conv2d_plan *described) {
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    described->tile_rows = plan->tile_rows;
    described->tile_cols = plan->tile_cols;
    described->pixels_in_rows = plan->pixels_in_rows;
    described->block_pixels = plan->block_pixels;
    described->block_k = plan->block_k;
    described->tasks = plan->tasks * plan->loops;
    described->threads = (int)workers;
    described->scratch_bytes = fc_plan_scratch(plan, workers) + (plan->packs_on_demand ? 0 : plan->packed_bytes);
    described->cycles = plan->cycles + plan->packing_cycles;
}

fc_status fc_plan_conv2d(const fc_conv2d_params *p, fc_conv2d_plan *described) {
    fc_layer layer;
    fc_layer_plan plan;
    *described = (fc_conv2d_plan){0};
    FC_TRY(fc_layer_make(p, &layer));
    described->isa = fc_active_isa();
    FC_TRY(fc_plan_layer(&layer, FC_RUN_ONCE, 1, &plan));
    described->algorithm = (fc_conv2d_algorithm)plan.id;
    described->out_h = layer.view.dst.h;
    described->out_w = layer.view.dst.w;
    const double size = (double)fc_dtype_size(p->dtype), k = (double)fc_view_k(&layer.view),
                 outputs = (double)fc_view_pixels(&layer.view) * (double)p->c_out;
    described->flops = 2 * outputs * k;
    described->bytes = size * ((double)p->n * (double)p->h * (double)p->w * (double)p->c_in + k * (double)p->c_out) +
        (double)fc_dtype_size(fc_output_dtype(p->dtype)) * outputs;
    if (!fc_layer_is_empty(&layer))
        describe(&plan, described);
    return FC_OK;
}
