/* SPDX-License-Identifier: MIT */
/*
 * The micro-kernel that pools in registers, on rows of windows. x is read where it lies; where windows reach past the
 * image, a band of it is copied into a padded patch first.
 */
#include "ops/conv2d/fused_pool.h"

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/forward/direct/direct.h"
#include "ops/conv2d/gather/patch.h"
#include "ops/conv2d/gemm/igemm.h"

enum { SIDE = 2 /* of a window, and its stride */ };

typedef struct fused_pool_job {
    const fc_layer *layer;
    fc_weight_panels weights;
    const char *packed, *x;
    char *y, *scratch;
    int has_bias, is_patched;
    ptrdiff_t rows, cols, band, bands; /* windows; rows of them a task, tasks an image */
    size_t size, worker_bytes;
} fused_pool_job;

static int is_lowered_by_relu_alone(fc_activation activation) {
    return activation == FC_LINEAR || activation == FC_RELU;
}

int fc_fused_pool_supports(const fc_layer *layer, const fc_pool2d_params *pool) {
    const fc_conv_view *v = &layer->view;
    return (v->dtype == FC_F32 || v->dtype == FC_F64) && layer->params.layout == FC_NHWC && v->groups == 1 &&
        layer->params.c_in > 0 && v->cols.step == 1 && is_lowered_by_relu_alone(layer->params.activation) &&
        pool->mode == FC_MAX_POOL && pool->pool_h == SIDE && pool->pool_w == SIDE && pool->stride_h == SIDE &&
        pool->stride_w == SIDE && !pool->pad_top && !pool->pad_bottom && !pool->pad_left && !pool->pad_right;
}

double fc_fused_pool_cost(const fc_layer *layer, const fc_pool2d_params *pool) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_weight_panels weights = fc_direct_weights(layer);
    const fc_igemm_tile *tiles = fc_igemm_tiles(layer->kernels, layer->view.dtype);
    const double windows = (double)pool->n * (double)(pool->h / SIDE) * (double)(pool->w / SIDE),
                 vectors = (double)fc_parts((size_t)layer->view.dst.c, tiles->width / tiles->vectors);
    return windows * vectors *
        (costs->conv_pool_step * SIDE * SIDE * (double)weights.k + costs->conv_pool_window - costs->conv_pool_pass);
}

/* Rows of windows [first, first + count) of an image, from x or its patch, of which the first row is `row`. */
static void run_rows(const fused_pool_job *job, const char *cells, ptrdiff_t row, ptrdiff_t row_pitch, char *y,
    ptrdiff_t first, ptrdiff_t count) {
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t size = (ptrdiff_t)job->size, width = (ptrdiff_t)job->weights.width, c = v->src.c;
    const size_t weights_bytes = job->weights.panels * job->weights.k * job->weights.width * job->size;
    fc_conv_pool_fn *run = v->dtype == FC_F64 ? job->layer->kernels->conv_pool_f64 : job->layer->kernels->conv_pool_f32;
    fc_conv_pool block = {.taps = (size_t)v->rows.count,
        .length = (size_t)(v->cols.count * c),
        .x_row = v->rows.stride * row_pitch,
        .x_col = v->cols.stride * c,
        .x_tap = v->rows.step * row_pitch,
        .w_pitch = job->weights.width,
        .windows = (size_t)job->cols,
        .y_pitch = v->dst.c,
        .relu = job->layer->params.activation == FC_RELU};
    for (ptrdiff_t i = first; i < first + count; i++)
        for (ptrdiff_t panel = 0; panel < (ptrdiff_t)job->weights.panels; panel++) {
            const ptrdiff_t out = panel * width;
            block.x = cells + (SIDE * i * v->rows.stride + v->rows.first - row) * row_pitch * size;
            block.w = job->packed + out * (ptrdiff_t)job->weights.k * size;
            block.bias = job->has_bias ? job->packed + weights_bytes + (size_t)(out * size) : NULL;
            block.outs = (size_t)fc_min(width, v->dst.c - out);
            block.y = y + (i * job->cols * v->dst.c + out) * size;
            run(&block);
        }
}

static fc_patch patch_of(const fused_pool_job *job, ptrdiff_t first, ptrdiff_t count) {
    const fc_conv_view *v = &job->layer->view;
    return fc_patch_of(v, SIDE * first, SIDE * count, 0, SIDE * job->cols, v->src.c);
}

static void run_band(void *job_, size_t task, size_t worker) {
    const fused_pool_job *job = job_;
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t size = (ptrdiff_t)job->size, image = (ptrdiff_t)task / job->bands,
                    first = (ptrdiff_t)task % job->bands * job->band, count = fc_min(job->band, job->rows - first);
    const char *x = job->x + image * v->src.n_pitch * size;
    char *y = job->y + image * job->rows * job->cols * v->dst.c * size;
    if (!job->is_patched) {
        run_rows(job, x + v->cols.first * v->src.c * size, 0, v->src.h_pitch, y, first, count);
        return;
    }
    char *patch = job->scratch + worker * job->worker_bytes;
    const fc_patch place = patch_of(job, first, count);
    fc_fill_patch(v, job->layer->kernels, &place, x, NULL, patch);
    run_rows(job, patch, place.row, place.cols * v->src.c, y, first, count);
}

fc_status fc_fused_pool_run(
    const fc_layer *layer, const fc_pool2d_params *pool, const void *packed, int has_bias, const void *x, void *y) {
    const fc_conv_view *v = &layer->view;
    fused_pool_job job = {.layer = layer,
        .weights = fc_direct_weights(layer),
        .packed = packed,
        .x = x,
        .y = y,
        .has_bias = has_bias,
        .is_patched = fc_has_border(v),
        .rows = pool->h / SIDE,
        .cols = pool->w / SIDE,
        .size = fc_dtype_size(v->dtype)};
    job.band = fc_ceil_div(job.rows, fc_min(job.rows, fc_ceil_div((ptrdiff_t)fc_task_count(fc_view_flops(v)), v->n)));
    job.bands = fc_ceil_div(job.rows, job.band);
    const fc_patch most = patch_of(&job, 0, job.band);
    job.worker_bytes = job.is_patched ? fc_align_up((size_t)(most.rows * most.cols * v->src.c) * job.size) : 0;
    const size_t tasks = (size_t)(v->n * job.bands);
    const size_t workers = fc_parallel_workers(
        tasks, 2.0 * (double)fc_view_pixels(v) * (double)job.weights.k * (double)v->dst.c);
    job.scratch = fc_scratch_alloc(workers * job.worker_bytes);
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    fc_parallel_for(tasks, workers, run_band, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}
