/* SPDX-License-Identifier: MIT */
/*
 * The gradient of a depthwise kernel, one input and one output channel a group, channels together: products number by
 * number of x and dy read in place, channels in the lanes. A band of output rows is summed in registers, bands add up
 * in double. Columns all of whose taps lie inside are one call of the kernel a tap row; the others go tap by tap.
 */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/gather/gather.h"
#include "ops/conv2d/grad/kernel_grad.h"

enum { CHUNK = 256, CHANNELS = 64 }; /* pixels summed in registers; channels of a task */

typedef struct depthwise_job {
    const fc_layer *layer;
    ptrdiff_t channels, size;
    ptrdiff_t band, bands;         /* output rows of a chunk, chunks of an image */
    size_t blocks, slices, chunks; /* of channels; of the chunks */
    const char *x, *dy;
    double *sums; /* [block][slice][taps][CHANNELS] */
    char *scratch;
    size_t worker_bytes;
} depthwise_job;

/* Output rows [row, row + rows) of an image, channels [c, c + count). */
typedef struct band {
    ptrdiff_t image, row, rows, c, count;
    double *sums;
    char *tile;
} band;

/* Adds the taps (s, t), t < taps, over output columns [from, to). */
static void add_taps(
    const depthwise_job *job, const band *b, ptrdiff_t s, ptrdiff_t t, ptrdiff_t taps, ptrdiff_t from, ptrdiff_t to) {
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t tap_row = v->rows.first + s * v->rows.step, low = -(b->row * v->rows.stride + tap_row),
                    high = v->src.h + low;
    const ptrdiff_t top = low > 0 ? fc_ceil_div(low, v->rows.stride) : 0,
                    bottom = high > 0 ? fc_min(fc_ceil_div(high, v->rows.stride), b->rows) : 0;
    if (from >= to || top >= bottom)
        return;
    const ptrdiff_t row = (b->row + top) * v->rows.stride + tap_row,
                    col = from * v->cols.stride + v->cols.first + t * v->cols.step;
    const fc_dwconv_wgrad block = {
        .taps = (size_t)taps,
        .rows = (size_t)(bottom - top),
        .cols = (size_t)(to - from),
        .channels = (size_t)b->count,
        .x = job->x + (b->image * v->src.n_pitch + row * v->src.h_pitch + col * v->src.w_pitch + b->c) * job->size,
        .dy = job->dy +
            (b->image * v->dst.n_pitch + (b->row + top) * v->dst.h_pitch + from * v->dst.w_pitch + b->c) * job->size,
        .x_tap = v->cols.step * v->src.w_pitch,
        .x_row = v->rows.stride * v->src.h_pitch,
        .x_col = v->cols.stride * v->src.w_pitch,
        .dy_row = v->dst.h_pitch,
        .dy_col = v->dst.w_pitch,
        .sums = b->tile,
    };
    const fc_kernels *k = job->layer->kernels;
    (job->size == 8 ? k->dwconv_wgrad_f64 : k->dwconv_wgrad_f32)(&block);
    for (ptrdiff_t i = 0; i < taps; i++)
        (job->size == 8 ? k->accumulate_f64 : k->accumulate_f32)(
            b->tile + i * b->count * job->size, b->sums + (s * v->cols.count + t + i) * CHANNELS, (size_t)b->count);
}

static void add_band(const depthwise_job *job, const band *b) {
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t reach = (v->cols.count - 1) * v->cols.step, room = v->src.w - 1 - reach - v->cols.first;
    const ptrdiff_t left = fc_min(fc_max(fc_ceil_div(-v->cols.first, v->cols.stride), 0), v->dst.w);
    const ptrdiff_t right = room < 0 ? left : fc_max(fc_min(room / v->cols.stride + 1, v->dst.w), left);
    for (ptrdiff_t s = 0; s < v->rows.count; s++) {
        add_taps(job, b, s, 0, v->cols.count, left, right);
        for (ptrdiff_t j = left ? 0 : right; j < v->dst.w; j = j + 1 == left ? right : j + 1)
            for (ptrdiff_t t = 0; t < v->cols.count; t++)
                if (fc_inside(j * v->cols.stride + v->cols.first + t * v->cols.step, v->src.w))
                    add_taps(job, b, s, t, 1, j, j + 1);
    }
}

static void run_task(void *job_, size_t task, size_t worker) {
    const depthwise_job *job = job_;
    const fc_conv_view *v = &job->layer->view;
    const size_t slice = task % job->slices, numbers = (size_t)(v->rows.count * v->cols.count) * CHANNELS;
    band b = {.c = (ptrdiff_t)(task / job->slices) * CHANNELS,
        .sums = job->sums + task * numbers,
        .tile = job->scratch + worker * job->worker_bytes};
    b.count = fc_min(job->channels - b.c, CHANNELS);
    memset(b.sums, 0, numbers * sizeof *b.sums);
    for (size_t chunk = job->chunks * slice / job->slices; chunk < job->chunks * (slice + 1) / job->slices; chunk++) {
        b.image = (ptrdiff_t)chunk / job->bands;
        b.row = (ptrdiff_t)chunk % job->bands * job->band;
        b.rows = fc_min(v->dst.h - b.row, job->band);
        add_band(job, &b);
    }
}

static void finish(const depthwise_job *job, char *dkernel) {
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t taps = v->rows.count * v->cols.count;
    const size_t numbers = (size_t)taps * CHANNELS;
    for (size_t block = 0; block < job->blocks; block++) {
        double *sums = job->sums + block * job->slices * numbers;
        for (size_t slice = 1; slice < job->slices; slice++)
            job->layer->kernels->accumulate_f64(sums + slice * numbers, sums, numbers);
        const ptrdiff_t c = (ptrdiff_t)block * CHANNELS, count = fc_min(job->channels - c, CHANNELS);
        for (ptrdiff_t tap = 0; tap < taps; tap++)
            for (ptrdiff_t i = 0; i < count; i++) {
                const double sum = sums[tap * CHANNELS + i];
                const float narrow = (float)sum;
                memcpy(dkernel + (tap * job->channels + c + i) * job->size,
                    job->size == 8 ? (const void *)&sum : &narrow, (size_t)job->size);
            }
    }
}

static int supports(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    return v->src.c == 1 && v->dst.c == 1 && v->groups > 1 && !fc_is_half(v->dtype) && layer->params.layout == FC_NHWC;
}

/* An FMA and its load a tap and vector; more where lanes are idle. */
static double cycles_of(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    const double lanes = (double)layer->kernels->wgrad_gemm_f32->width /
        (double)layer->kernels->wgrad_gemm_f32->vectors * 4 / (double)fc_dtype_size(v->dtype);
    return fc_costs_of(layer->kernels)->wgrad_depthwise * (double)fc_view_pixels(v) *
        (double)(v->rows.count * (v->cols.count + 1)) * __builtin_ceil((double)v->groups / lanes);
}

static fc_status plan_layer(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    const fc_conv_view *v = &layer->view;
    (void)purpose;
    if (!supports(layer))
        return FC_BAD_ARGUMENT;
    depthwise_job job = {.channels = v->groups, .size = (ptrdiff_t)fc_dtype_size(v->dtype)};
    job.band = fc_min(fc_max(CHUNK / v->dst.w, 1), v->dst.h);
    job.bands = fc_ceil_div(v->dst.h, job.band);
    job.chunks = (size_t)(v->n * job.bands);
    job.blocks = (size_t)fc_ceil_div(job.channels, CHANNELS);
    job.slices = fc_least(fc_parts(fc_task_count_of_sums(fc_view_flops(v)), job.blocks), job.chunks);
    job.worker_bytes = fc_align_up((size_t)(v->cols.count * CHANNELS * job.size));
    plan->cycles = cycles_of(layer);
    plan->tasks = job.blocks * job.slices;
    plan->work = fc_view_flops(v);
    plan->worker_bytes = job.worker_bytes;
    FC_SET_OWN(plan, job);
    return FC_OK;
}

static fc_status run(const fc_layer_plan *plan, const void *x, const void *dy, void *dkernel) {
    const fc_conv_view *v = &plan->layer.view;
    const ptrdiff_t taps = v->rows.count * v->cols.count;
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    depthwise_job job;
    FC_GET_OWN(plan, job);
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)plan->tasks, taps, CHANNELS, (ptrdiff_t)sizeof(double)}, 4, &bytes));
    job.layer = &plan->layer;
    job.x = x;
    job.dy = dy;
    job.sums = fc_scratch_alloc(bytes);
    job.scratch = fc_scratch_alloc(fc_plan_scratch(plan, workers));
    const fc_status status = job.sums && job.scratch ? FC_OK : FC_OUT_OF_MEMORY;
    if (status == FC_OK) {
        fc_parallel_for(plan->tasks, workers, run_task, &job);
        finish(&job, dkernel);
    }
    fc_scratch_free(job.sums);
    fc_scratch_free(job.scratch);
    return status;
}

const fc_kernel_grad_algorithm fc_kernel_grad_depthwise = {
    .name = "depthwise",
    .requires = "one input and one output channel a group, several groups, float32 or float64 and channels_last",
    .plan = plan_layer,
    .run = run,
};
