/* SPDX-License-Identifier: MIT */
/*
 * dx: a convolution of dy with the kernel turned by half a turn, its channels exchanged. With strides of 1 it is a
 * layer like any other, served by the forward algorithms. Under a stride each residue of the input coordinates meets
 * its own subset of the taps, so that it splits into stride_h * stride_w convolutions with strides of 1 and no zero is
 * multiplied (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4); few input
 * channels are scattered instead.
 */
#include <string.h>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/algorithm.h"
#include "ops/conv2d/choose.h"
#include "ops/conv2d/grad/phase.h"
#include "ops/conv2d/grad/scatter.h"

enum { ZEROS = 256 << 10 }; /* bytes a task */

typedef struct zeros_job {
    char *to;
    size_t bytes;
} zeros_job;

static void zero_piece(void *job_, size_t task, size_t worker) {
    (void)worker;
    const zeros_job *job = job_;
    memset(job->to + task * ZEROS, 0, fc_least(job->bytes - task * ZEROS, ZEROS));
}

static void fill_zeros(const fc_conv2d_params *p, char *dx) {
    zeros_job job = {dx, (size_t)(p->n * p->h * p->w * p->c_in) * fc_dtype_size(p->dtype)};
    const size_t tasks = fc_parts(job.bytes, ZEROS);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 4.0 * (double)job.bytes), zero_piece, &job);
}

/* The layer whose forward pass is dx, for strides of 1; padding may come out negative. */
static fc_conv2d_params transposed_params(const fc_conv2d_params *p, const fc_conv_view *forward) {
    fc_conv2d_params q = *p;
    const ptrdiff_t down = (p->k_h - 1) * p->dilation_h, right = (p->k_w - 1) * p->dilation_w;
    q.h = forward->dst.h;
    q.w = forward->dst.w;
    q.c_in = p->c_out;
    q.c_out = p->c_in;
    q.pad_top = down - p->pad_top;
    q.pad_left = right - p->pad_left;
    q.pad_bottom = p->h - q.h + down - q.pad_top;
    q.pad_right = p->w - q.w + right - q.pad_left;
    return q;
}

/* All taps of a kernel. */
typedef struct transposed_call {
    const fc_conv2d_params *p;
    fc_tap_subset rows, cols;
} transposed_call;

static fc_status run_transposed_plan(
    const transposed_call *call, const fc_layer_plan *plan, const void *dy, const void *kernel, void *dx) {
    void *transposed;
    fc_conv_view view;
    if (fc_algorithm_of(plan->id)->reads_across)
        return fc_plan_run_once(plan, fc_read_across(call->p, &call->rows, &call->cols, kernel, &view), NULL, dy, dx);
    FC_TRY(fc_transpose_kernel(call->p, &call->rows, &call->cols, kernel, &transposed));
    const fc_status status = fc_plan_run_once(plan, transposed, NULL, dy, dx);
    fc_scratch_free(transposed);
    return status;
}

static fc_status run_transposed_trial(const void *call, const fc_layer_plan *plan, const fc_trial *on) {
    return run_transposed_plan(call, plan, on->x, on->kernel, on->y);
}

/* dx as a forward pass; *served is 0 where no forward layer is like it. */
static fc_status run_transposed(
    const fc_conv2d_params *p, const fc_conv_view *forward, const void *dy, const void *kernel, void *dx, int *served) {
    const fc_conv2d_params q = transposed_params(p, forward);
    *served = p->stride_h == 1 && p->stride_w == 1 && q.h && q.w && q.pad_top >= 0 && q.pad_bottom >= 0 &&
        q.pad_left >= 0 && q.pad_right >= 0;
    if (!*served)
        return FC_OK;
    const transposed_call call = {p, {0, 1, p->k_h}, {0, 1, p->k_w}};
    fc_algorithms algorithms = fc_forward_algorithms(FC_RUN_TRANSPOSED);
    algorithms.run = run_transposed_trial;
    algorithms.call = &call;
    fc_layer layer;
    fc_layer_plan plan;
    FC_TRY(fc_layer_make(&q, &layer));
    fc_read_across(p, &call.rows, &call.cols, kernel, &layer.view);
    FC_TRY(fc_plan_layer_by(&algorithms, &layer, 1, &plan));
    return run_transposed_plan(&call, &plan, dy, kernel, dx);
}

/* A residue, by an algorithm that stores pixels wherever they lie. */
static fc_status run_phase(
    const fc_conv2d_params *p, const fc_phase *phase, const void *dy, const void *kernel, char *dx) {
    fc_layer layer = {.params = *p, .view = phase->view, .kernels = fc_active_kernels()};
    layer.params.c_in = p->c_out;
    layer.params.c_out = p->c_in;
    layer.params.k_h = phase->rows.count;
    layer.params.k_w = phase->cols.count;
    dx += phase->offset * (ptrdiff_t)fc_dtype_size(p->dtype);
    fc_layer_plan plan;
    if (p->layout != FC_NHWC || phase->view.dst.c != 1 || fc_is_half(p->dtype) ||
        fc_plan_with(&layer, FC_CONV_DEPTHWISE, FC_RUN_ONCE, &plan)) {
        const void *across = fc_read_across(p, &phase->rows, &phase->cols, kernel, &layer.view);
        FC_TRY(fc_plan_with(&layer, FC_CONV_DIRECT, FC_RUN_ONCE, &plan));
        return fc_plan_run_once(&plan, across, NULL, dy, dx);
    }
    void *transposed;
    FC_TRY(fc_transpose_kernel(p, &phase->rows, &phase->cols, kernel, &transposed));
    const fc_status status = fc_plan_run_once(&plan, transposed, NULL, dy, dx);
    fc_scratch_free(transposed);
    return status;
}

static int has_taps(const fc_phase *phase) { return phase->rows.count && phase->cols.count; }

static fc_status run_phases(
    const fc_conv2d_params *p, const fc_conv_view *forward, const void *dy, const void *kernel, char *dx) {
    const ptrdiff_t down = fc_min(p->stride_h, p->h), right = fc_min(p->stride_w, p->w);
    int missed = 0;
    for (ptrdiff_t phase = 0; phase < down * right; phase++) {
        const fc_phase at = fc_phase_of(p, forward, phase / right, phase % right);
        missed |= !has_taps(&at);
    }
    if (missed)
        fill_zeros(p, dx);
    for (ptrdiff_t phase = 0; phase < down * right; phase++) {
        const fc_phase at = fc_phase_of(p, forward, phase / right, phase % right);
        if (has_taps(&at))
            FC_TRY(run_phase(p, &at, dy, kernel, dx));
    }
    return FC_OK;
}

fc_status fc_conv2d_input_grad(const fc_conv2d_params *p, const void *dy, const void *kernel, void *dx) {
    fc_layer layer;
    fc_conv2d_params plain = *p;
    int served;
    plain.algorithm = FC_CONV_AUTO; /* p's and the activation are the forward pass's */
    plain.activation = FC_LINEAR;
    FC_TRY(fc_layer_make(&plain, &layer));
    if (fc_is_integer(p->dtype))
        return FC_BAD_DTYPE;
    if (fc_layer_is_empty(&layer) || !p->c_in) {
        fill_zeros(p, dx);
        return FC_OK;
    }
    plain.stride_h = layer.view.rows.stride; /* 1 for a single window, as the dilation of a single tap */
    plain.stride_w = layer.view.cols.stride;
    plain.dilation_h = layer.view.rows.step;
    plain.dilation_w = layer.view.cols.step;
    FC_TRY(run_transposed(&plain, &layer.view, dy, kernel, dx, &served));
    if (served)
        return FC_OK;
    return fc_scatter_supports(p) ? fc_scatter_input_grad(&layer, dy, kernel, dx)
                                  : run_phases(&plain, &layer.view, dy, kernel, dx);
}
