/* SPDX-License-Identifier: MIT */
/*
 * A convolution and the pooling of its result, band by band: a task computes the rows that some rows of windows cover
 * into scratch, at most half of L2 where a row of windows allows it, and pools them there. Only a small result is ever
 * whole.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/shape.h"
#include "core/size.h"
#include "ops/conv2d/plan.h"

enum { ROW_STEP = 4 }; /* rows of the convolution that a band is a multiple of, for Winograd's tiles */

typedef struct fused_job {
    const fc_layer *layer;
    const fc_pool2d_params *pool;
    fc_conv2d_algorithm algorithm;
    fc_layer_weights weights;
    const char *x;
    char *y, *scratch;
    ptrdiff_t out_h, out_w, band, bands; /* rows of windows of a task, tasks an image */
    size_t band_bytes, worker_bytes;
    fc_status *status; /* of each worker */
} fused_job;

static ptrdiff_t rows_of(const fc_pool2d_params *pool, ptrdiff_t windows) {
    return (windows - 1) * pool->stride_h + pool->pool_h;
}

/* A band of one image as a layer, and its pooling; where the band's rows of x begin. */
static fc_layer cut_band(
    const fused_job *job, ptrdiff_t image, ptrdiff_t first, ptrdiff_t count, fc_pool2d_params *pool, ptrdiff_t *x) {
    const fc_pool2d_params *p = job->pool;
    const ptrdiff_t top = first * p->stride_h - p->pad_top, bottom = top + rows_of(p, count), begin = fc_max(top, 0),
                    end = fc_min(bottom, p->h);
    ptrdiff_t dst;
    fc_layer band = *job->layer;
    band.view = fc_view_band(&job->layer->view, image, begin, end, x, &dst);
    *pool = *p;
    pool->n = 1;
    pool->h = end - begin;
    pool->pad_top = begin - top;
    pool->pad_bottom = bottom - end;
    if (p->layout == FC_NCHW) { /* a plane a channel in scratch as in y, so that both pool as a small tensor */
        band.view.dst.c_pitch = pool->h * p->w;
        band.view.dst.group_pitch = band.view.dst.c * band.view.dst.c_pitch;
    }
    return band;
}

static fc_status run_band(const fused_job *job, ptrdiff_t image, ptrdiff_t first, ptrdiff_t count, char *scratch) {
    const fc_pool2d_params *p = job->pool;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(p->dtype);
    fc_pool2d_params pool;
    fc_layer_plan plan;
    ptrdiff_t x;
    const fc_layer band = cut_band(job, image, first, count, &pool, &x);
    FC_TRY(fc_plan_with(&band, job->algorithm, FC_RUN_PREPARED, &plan));
    FC_TRY(fc_plan_run(&plan, &job->weights, job->x + x * size, scratch));
    if (p->layout == FC_NHWC)
        return fc_pool2d(&pool, scratch, job->y + (image * job->out_h + first) * job->out_w * p->c * size);
    char *pooled = scratch + job->band_bytes;
    FC_TRY(fc_pool2d(&pool, scratch, pooled));
    const size_t plane = (size_t)(count * job->out_w * size);
    for (ptrdiff_t c = 0; c < p->c; c++)
        memcpy(
            job->y + ((image * p->c + c) * job->out_h + first) * job->out_w * size, pooled + (size_t)c * plane, plane);
    return FC_OK;
}

/* Whether the algorithm serves an image's lowest bands, at its top and its bottom: some ask for a least height. */
static int serves_bands(const fused_job *job) {
    const ptrdiff_t last = (job->bands - 1) * job->band, begins[] = {0, last};
    for (size_t i = 0; i < 2; i++) {
        fc_pool2d_params pool;
        fc_layer_plan plan;
        ptrdiff_t x;
        const fc_layer band = cut_band(job, 0, begins[i], fc_min(job->band, job->out_h - begins[i]), &pool, &x);
        if (fc_plan_with(&band, job->algorithm, FC_RUN_PREPARED, &plan))
            return 0;
    }
    return 1;
}

static void run_task(void *job_, size_t task, size_t worker) {
    const fused_job *job = job_;
    const ptrdiff_t image = (ptrdiff_t)task / job->bands, first = (ptrdiff_t)task % job->bands * job->band;
    const fc_status status = run_band(
        job, image, first, fc_min(job->band, job->out_h - first), job->scratch + worker * job->worker_bytes);
    if (status)
        job->status[worker] = status;
}

static double work_of(const fused_job *job) { return fc_view_flops(&job->layer->view); }

static fc_status plan_bands(fused_job *job) {
    const fc_pool2d_params *p = job->pool;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(p->dtype);
    const ptrdiff_t row[] = {p->w, p->c, size};
    size_t row_bytes, out_bytes;
    FC_TRY(fc_multiply(row, 3, &row_bytes));
    const ptrdiff_t budget = (ptrdiff_t)(fc_caches()->l2 / 2), tasks = (ptrdiff_t)fc_task_count(work_of(job)),
                    share = fc_ceil_div(job->out_h * p->n, tasks);
    job->band = fc_max(1, fc_min((budget / (ptrdiff_t)row_bytes - p->pool_h) / p->stride_h + 1, share));
    while (job->band < job->out_h && job->band * p->stride_h % ROW_STEP)
        job->band++;
    job->band = fc_min(job->band, job->out_h);
    job->bands = fc_ceil_div(job->out_h, job->band);
    const ptrdiff_t conv[] = {fc_min(rows_of(p, job->band), p->h), (ptrdiff_t)row_bytes},
                    pooled[] = {job->band, job->out_w, p->c, size};
    FC_TRY(fc_multiply(conv, 2, &job->band_bytes));
    FC_TRY(fc_multiply(pooled, 4, &out_bytes));
    job->band_bytes = fc_align_up(job->band_bytes);
    job->worker_bytes = job->band_bytes + (p->layout == FC_NCHW ? fc_align_up(out_bytes) : 0);
    return FC_OK;
}

static fc_status run_bands(fused_job *job) {
    const fc_pool2d_params *p = job->pool;
    const size_t tasks = (size_t)(p->n * job->bands);
    const size_t workers = fc_parallel_workers(tasks, work_of(job));
    const size_t status_bytes = fc_align_up(workers * sizeof(fc_status));
    char *scratch = fc_scratch_alloc(status_bytes + workers * job->worker_bytes);
    if (!scratch)
        return FC_OUT_OF_MEMORY;
    memset(scratch, 0, status_bytes);
    job->status = (fc_status *)scratch;
    job->scratch = scratch + status_bytes;
    fc_parallel_for(tasks, workers, run_task, job);
    fc_status status = FC_OK;
    for (size_t worker = 0; worker < workers; worker++)
        status = job->status[worker] ? job->status[worker] : status;
    fc_scratch_free(scratch);
    return status;
}

/*
 * A result that fits the caches is better whole under a large kernel, which bands would need packed as a whole first,
 * and where bands would compute many rows twice.
 */
static int is_better_whole(const fused_job *job) {
    enum { MUCH = 8 }; /* one in so many */
    const fc_conv_view *view = &job->layer->view;
    const size_t pixels = fc_view_pixels(view);
    if (pixels * (size_t)job->pool->c * fc_dtype_size(view->dtype) > fc_caches()->l3 / 8)
        return 0;
    const ptrdiff_t again = (job->bands - 1) * fc_max(job->pool->pool_h - job->pool->stride_h, 0);
    return pixels < fc_view_k(view) || again > job->pool->h / MUCH;
}

static fc_status run_whole(const fused_job *job, const void *kernel, const void *bias) {
    const fc_conv2d_params *p = &job->layer->params;
    fc_layer_plan plan;
    FC_TRY(fc_plan_layer(job->layer, FC_RUN_ONCE, 1, &plan));
    void *result = fc_scratch_alloc(fc_view_pixels(&job->layer->view) * (size_t)p->c_out * fc_dtype_size(p->dtype));
    if (!result)
        return FC_OUT_OF_MEMORY;
    fc_status status = fc_plan_run_once(&plan, kernel, bias, job->x, result);
    if (!status)
        status = fc_pool2d(job->pool, result, job->y);
    fc_scratch_free(result);
    return status;
}

fc_status fc_conv2d_pool2d(const fc_conv2d_params *conv, const fc_pool2d_params *pool, const void *x,
    const void *kernel, const void *bias, void *y) {
    fc_layer layer;
    fused_job job = {.layer = &layer, .pool = pool, .x = x, .y = y};
    fc_layer_plan plan;
    void *packed;
    FC_TRY(fc_layer_make(conv, &layer));
    FC_TRY(fc_pool2d_output_size(pool, &job.out_h, &job.out_w));
    if (fc_is_integer(conv->dtype) || pool->dtype != conv->dtype)
        return FC_BAD_DTYPE;
    if (pool->layout != conv->layout || pool->n != conv->n || pool->h != layer.view.dst.h ||
        pool->w != layer.view.dst.w || pool->c != conv->c_out)
        return FC_BAD_SHAPE;
    if (fc_layer_is_empty(&layer) || !job.out_h || !job.out_w)
        return fc_plan_layer(&layer, FC_RUN_ONCE, 1, &plan);
    FC_TRY(plan_bands(&job));
    if (is_better_whole(&job))
        return run_whole(&job, kernel, bias);
    fc_layer image = layer;
    image.params.n = image.view.n = 1;
    FC_TRY(fc_plan_layer(&image, FC_RUN_ONCE, (double)layer.view.n, &plan));
    job.algorithm = (fc_conv2d_algorithm)plan.id;
    if (!serves_bands(&job))
        return run_whole(&job, kernel, bias);
    FC_TRY(fc_plan_pack(&plan, kernel, bias, &packed));
    job.weights = (fc_layer_weights){kernel, bias, packed};
    const fc_status status = run_bands(&job);
    fc_scratch_free(packed);
    return status;
}
