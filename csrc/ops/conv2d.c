/* SPDX-License-Identifier: MIT */
/* The forward pass: check, choose the algorithm, pack, run. */
#include "ops/conv2d.h"

#include <stdlib.h>

#include "core/dispatch.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/algo/depthwise.h"
#include "ops/algo/direct.h"

struct fc_conv2d_prepared {
    fc_conv2d_params params;
    fc_conv2d_algorithm algorithm;
    fc_direct_blocking blocking;        /* FC_CONV_DIRECT */
    const fc_kernels *kernels;
    int has_bias;
    void *packed;
};

static fc_status choose(const fc_conv2d_params *p, fc_conv2d_algorithm *algorithm) {
    const int depthwise = fc_depthwise_serves(p);
    *algorithm = p->algorithm == FC_CONV_AUTO ? (depthwise ? FC_CONV_DEPTHWISE : FC_CONV_DIRECT) : p->algorithm;
    if (*algorithm == FC_CONV_DEPTHWISE)
        return depthwise ? FC_OK : FC_BAD_ARGUMENT;
    return *algorithm == FC_CONV_DIRECT ? FC_OK : FC_BAD_ARGUMENT;
}

fc_status fc_conv2d_prepare(const fc_conv2d_params *p, const void *kernel, const void *bias, fc_conv2d_prepared **out) {
    ptrdiff_t out_h, out_w;
    size_t bytes;
    fc_conv_view view;
    fc_conv2d_prepared made = {.params = *p, .kernels = fc_active_kernels(), .has_bias = bias != NULL};
    FC_TRY(fc_conv2d_check(p, &out_h, &out_w));
    FC_TRY(choose(p, &made.algorithm));
    FC_TRY(fc_forward_view(p, &view));
    if (made.algorithm == FC_CONV_DIRECT) {
        made.blocking = fc_direct_choose(made.kernels, &view);
        FC_TRY(fc_direct_packed_bytes(&made.blocking, &view, &bytes));
    } else {
        FC_TRY(fc_depthwise_packed_bytes(p, &bytes));
    }
    fc_conv2d_prepared *prepared = malloc(sizeof *prepared);
    made.packed = fc_scratch_alloc(bytes);
    if (!prepared || !made.packed) {
        free(prepared);
        fc_scratch_free(made.packed);
        return FC_OUT_OF_MEMORY;
    }
    if (made.algorithm == FC_CONV_DIRECT)
        fc_direct_pack(&made.blocking, &view, kernel, bias, made.packed);
    else
        fc_depthwise_pack(p, kernel, bias, made.packed);
    *prepared = made;
    *out = prepared;
    return FC_OK;
}

void fc_conv2d_free(fc_conv2d_prepared *prepared) {
    if (!prepared)
        return;
    fc_scratch_free(prepared->packed);
    free(prepared);
}

static int same_kernel(const fc_conv2d_params *a, const fc_conv2d_params *b) {
    return a->dtype == b->dtype && a->layout == b->layout && a->c_in == b->c_in && a->c_out == b->c_out && a->k_h == b->k_h && a->k_w == b->k_w
        && a->groups == b->groups && a->stride_h == b->stride_h && a->stride_w == b->stride_w
        && a->dilation_h == b->dilation_h && a->dilation_w == b->dilation_w;
}

fc_status fc_conv2d_run(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const void *x, void *y) {
    ptrdiff_t out_h, out_w;
    fc_conv_view view;
    FC_TRY(fc_conv2d_check(p, &out_h, &out_w));
    if (!same_kernel(p, &prepared->params))
        return FC_BAD_SHAPE;
    FC_TRY(fc_forward_view(p, &view));
    const fc_epilogue epilogue = {prepared->has_bias, p->activation, p->alpha};
    if (prepared->algorithm == FC_CONV_DEPTHWISE)
        return fc_depthwise_run(prepared->kernels, p, &view, prepared->packed, x, y, &epilogue);
    return fc_direct_run(&prepared->blocking, &view, prepared->packed, x, y, &epilogue);
}

fc_status fc_conv2d(const fc_conv2d_params *p, const void *x, const void *kernel, const void *bias, void *y) {
    fc_conv2d_prepared *prepared;
    FC_TRY(fc_conv2d_prepare(p, kernel, bias, &prepared));
    fc_status status = fc_conv2d_run(prepared, p, x, y);
    fc_conv2d_free(prepared);
    return status;
}

fc_status fc_plan_conv2d(const fc_conv2d_params *p, fc_conv2d_plan *plan) {
    fc_conv_view view;
    fc_conv2d_algorithm algorithm;
    size_t packed;
    *plan = (fc_conv2d_plan){.isa = fc_active_isa()};
    FC_TRY(fc_conv2d_check(p, &plan->out_h, &plan->out_w));
    FC_TRY(choose(p, &algorithm));
    FC_TRY(fc_forward_view(p, &view));
    plan->algorithm = algorithm;
    const double size = (double)fc_dtype_size(p->dtype), outputs = (double)fc_view_pixels(&view) * (double)p->c_out;
    plan->flops = 2 * outputs * (double)fc_view_k(&view);
    plan->bytes = size * ((double)p->n * (double)p->h * (double)p->w * (double)p->c_in + outputs + (double)fc_view_k(&view) * (double)p->c_out);
    if (algorithm == FC_CONV_DEPTHWISE) {
        FC_TRY(fc_depthwise_packed_bytes(p, &packed));
        fc_depthwise_plan(p, &view, packed, plan);
        return FC_OK;
    }
    const fc_direct_blocking b = fc_direct_choose(fc_active_kernels(), &view);
    FC_TRY(fc_direct_packed_bytes(&b, &view, &packed));
    const fc_direct_tasks t = fc_direct_cut(&b, &view);
    plan->tile_rows = b.tile.rows;
    plan->tile_cols = b.tile.cols;
    plan->pixels_in_rows = b.pixels_in_rows;
    plan->block_pixels = t.block_panels * b.pixel_panel;
    plan->block_k = b.block_k;
    plan->tasks = t.tasks;
    plan->threads = (int)t.workers;
    plan->scratch_bytes = packed + t.workers * t.worker_bytes;
    return FC_OK;
}
