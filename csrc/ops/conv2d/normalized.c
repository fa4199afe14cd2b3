/* SPDX-License-Identifier: MIT */
/*
 * A convolution whose output channels are normalized, and a tensor added. Algorithms that finish their sums so do it in
 * registers. For others the scale goes into a copy of the kernel, or where that has more rows than there are pixels, or
 * something is added, into the result.
 */
#include <math.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/elementwise/activation.h"
#include "ops/conv2d/epilogue.h"
#include "ops/conv2d/plan.h"

typedef struct operands {
    const void *x, *kernel, *scale, *shift;
    void *y;
} operands;

/* scale[c] and shift[c], so that the normalized z is z * scale + shift, z without its bias. */
#define FIND_SCALE(NAME, T)                                                                                \
    static void NAME(size_t n, const fc_normalization *by, const T *bias, T *scale, T *shift) {            \
        const T *mean = by->mean, *variance = by->variance, *gamma = by->gamma, *beta = by->beta;          \
        for (size_t c = 0; c < n; c++) {                                                                   \
            const double times = (gamma ? (double)gamma[c] : 1) / sqrt((double)variance[c] + by->epsilon); \
            scale[c] = (T)times;                                                                           \
            shift[c] = (T)((bias ? (double)bias[c] - mean[c] : -(double)mean[c]) * times +                 \
                (beta ? (double)beta[c] : 0));                                                             \
        }                                                                                                  \
    }
FIND_SCALE(find_scale_f32, fc_any_float)
FIND_SCALE(find_scale_f64, fc_any_double)

static fc_status run_scaling_kernel(const fc_layer_plan *plan, const operands *o) {
    const fc_layer *layer = &plan->layer;
    const fc_conv2d_params *p = &layer->params;
    size_t bytes;
    FC_TRY(fc_multiply(
        (ptrdiff_t[]){(ptrdiff_t)fc_view_k(&layer->view), p->c_out, (ptrdiff_t)fc_dtype_size(p->dtype)}, 3, &bytes));
    void *scaled = fc_scratch_alloc(bytes);
    if (!scaled)
        return FC_OUT_OF_MEMORY;
    fc_scale_job job = {.dtype = p->dtype,
        .rows = fc_view_k(&layer->view),
        .length = (size_t)p->c_out,
        .from = o->kernel,
        .scale = o->scale,
        .to = scaled};
    fc_scale_rows(&job);
    const fc_status status = fc_plan_run_once(plan, scaled, o->shift, o->x, o->y);
    fc_scratch_free(scaled);
    return status;
}

static fc_status run_scaling_result(const fc_layer_plan *plan, const operands *o, const void *added) {
    const fc_layer *layer = &plan->layer;
    const fc_conv2d_params *p = &layer->params;
    const size_t pixels = fc_view_pixels(&layer->view), outs = (size_t)p->c_out;
    fc_layer_plan linear = *plan;
    linear.layer.params.activation = FC_LINEAR;
    FC_TRY(fc_plan_run_once(&linear, o->kernel, NULL, o->x, o->y));
    fc_scale_job job = {.dtype = p->dtype,
        .planes = p->layout == FC_NCHW,
        .from = o->y,
        .scale = o->scale,
        .shift = o->shift,
        .added = added,
        .to = o->y,
        .count = outs};
    job.activate = fc_activation_kernel(layer->kernels, p->dtype, p->activation);
    job.alpha = p->alpha;
    job.rows = job.planes ? (size_t)p->n * outs : pixels;
    job.length = job.planes ? pixels / (size_t)p->n : outs;
    fc_scale_rows(&job);
    return FC_OK;
}

static fc_status run(fc_layer_plan *plan, const operands *o, const void *added) {
    const size_t k = fc_view_k(&plan->layer.view);
    if (plan->fuses_epilogue) {
        plan->layer.scale = o->scale;
        plan->layer.added = added;
        return fc_plan_run_once(plan, o->kernel, o->shift, o->x, o->y);
    }
    return added || !k || fc_view_pixels(&plan->layer.view) <= k ? run_scaling_result(plan, o, added)
                                                                 : run_scaling_kernel(plan, o);
}

fc_status fc_conv2d_normalized(const fc_conv2d_params *p, const fc_normalization *normalization, const void *x,
    const void *kernel, const void *bias, const void *added, void *y) {
    fc_layer layer;
    fc_layer_plan plan;
    FC_TRY(fc_layer_make(p, &layer));
    if (p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(fc_plan_layer(&layer, FC_RUN_ONCE, 1, &plan));
    if (fc_layer_is_empty(&layer))
        return FC_OK;
    const size_t outs = (size_t)p->c_out, part = fc_align_up((outs + FC_MAX_TILE_COLS) * fc_dtype_size(p->dtype));
    char *scale = fc_scratch_alloc(2 * part);
    if (!scale)
        return FC_OUT_OF_MEMORY;
    const operands o = {x, kernel, scale, scale + part, y};
    if (p->dtype == FC_F64)
        find_scale_f64(outs, normalization, bias, (fc_any_double *)scale, (fc_any_double *)(scale + part));
    else
        find_scale_f32(outs, normalization, bias, (fc_any_float *)scale, (fc_any_float *)(scale + part));
    const fc_status status = run(&plan, &o, added);
    fc_scratch_free(scale);
    return status;
}
