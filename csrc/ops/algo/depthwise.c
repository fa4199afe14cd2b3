/* SPDX-License-Identifier: MIT */
#include "ops/algo/depthwise.h"

#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/activation.h"

int fc_depthwise_serves(const fc_conv2d_params *p) {
    return p->groups > 1 && p->groups == p->c_in && p->c_out == p->c_in && !fc_is_half(p->dtype);
}

fc_status fc_depthwise_packed_bytes(const fc_conv2d_params *p, size_t *bytes) {
    const ptrdiff_t factors[] = {p->k_h * p->k_w + 1, p->c_out, (ptrdiff_t)fc_dtype_size(p->dtype)};
    return fc_multiply(factors, 3, bytes);
}

void fc_depthwise_pack(const fc_conv2d_params *p, const void *kernel, const void *bias, void *packed) {
    const size_t row = (size_t)p->c_out * fc_dtype_size(p->dtype), taps = (size_t)(p->k_h * p->k_w);
    memcpy(packed, kernel, taps * row);
    if (bias)
        memcpy((char *)packed + taps * row, bias, row);
    else
        memset((char *)packed + taps * row, 0, row);
}

typedef struct depthwise_job {
    const fc_kernels *kernels;
    const fc_conv_view *view;
    const fc_epilogue *epilogue;
    const char *packed, *x;
    char *y, *scratch;              /* a worker: pointers of the taps; shared before them: a row of zeros, a row of ones */
    size_t size, channels, taps, worker_bytes;
} depthwise_job;

static void activate_row(const depthwise_job *job, size_t count, char *y) {
    const fc_epilogue *e = job->epilogue;
    if (e->activation != FC_LINEAR)
        fc_activation_kernel(job->kernels, job->view->dtype, e->activation)(count, e->alpha, y, y);
}

/* Task: one row of the output of one image, all channels. The bias is a last tap that reads ones. */
static void nhwc_row(void *job_, size_t task, size_t worker) {
    const depthwise_job *job = job_;
    const fc_conv_view *v = job->view;
    const ptrdiff_t size = (ptrdiff_t)job->size, n = (ptrdiff_t)task / v->dst.h, i = (ptrdiff_t)task % v->dst.h;
    const size_t row_bytes = fc_align_up(job->channels * job->size);
    const void **from = (const void **)(job->scratch + 2 * row_bytes + worker * job->worker_bytes);
    char *y = job->y + (n * v->dst.n_pitch + i * v->dst.h_pitch) * size;
    fc_depthwise_fn *kernel = v->dtype == FC_F64 ? job->kernels->depthwise_f64 : job->kernels->depthwise_f32;
    from[job->taps] = job->scratch + row_bytes;
    for (ptrdiff_t j = 0; j < v->dst.w; j++) {
        const void **tap = from;
        for (ptrdiff_t s = 0; s < v->rows.count; s++)
            for (ptrdiff_t t = 0; t < v->cols.count; t++) {
                ptrdiff_t row = i * v->rows.stride + v->rows.first + s * v->rows.step;
                ptrdiff_t col = j * v->cols.stride + v->cols.first + t * v->cols.step;
                int there = row >= 0 && row < v->src.h && col >= 0 && col < v->src.w;
                *tap++ = there ? job->x + (n * v->src.n_pitch + row * v->src.h_pitch + col * v->src.w_pitch) * size : job->scratch;
            }
        kernel(job->taps + (job->epilogue->has_bias != 0), from, job->packed, job->channels, job->channels, y + j * v->dst.w_pitch * size);
    }
    activate_row(job, (size_t)v->dst.w * job->channels, y);
}

static void fill(char *y, size_t count, const char *value, size_t size) {
    for (size_t i = 0; i < count; i++)
        memcpy(y + i * size, value, size);
}

/* Task: one channel of one image. A tap adds to the columns whose window cell lies inside. */
static void nchw_plane(void *job_, size_t task, size_t worker) {
    (void)worker;
    const depthwise_job *job = job_;
    const fc_conv_view *v = job->view;
    const ptrdiff_t size = (ptrdiff_t)job->size, c = (ptrdiff_t)(task % job->channels);
    const char *x = job->x + (ptrdiff_t)task * v->src.c_pitch * size, *weights = job->packed + c * size;
    char *y = job->y + (ptrdiff_t)task * v->dst.c_pitch * size;
    const ptrdiff_t tap_bytes = (ptrdiff_t)job->channels * size;
    fc_axpy_fn *axpy = v->dtype == FC_F64 ? job->kernels->axpy_f64 : job->kernels->axpy_f32;
    fill(y, (size_t)(v->dst.h * v->dst.w), weights + (ptrdiff_t)job->taps * tap_bytes, job->size);
    for (ptrdiff_t i = 0; i < v->dst.h; i++)
        for (ptrdiff_t s = 0; s < v->rows.count; s++) {
            ptrdiff_t row = i * v->rows.stride + v->rows.first + s * v->rows.step;
            if (row < 0 || row >= v->src.h)
                continue;
            for (ptrdiff_t t = 0; t < v->cols.count; t++) {
                ptrdiff_t col = v->cols.first + t * v->cols.step, stride = v->cols.stride;
                ptrdiff_t begin = col < 0 ? fc_ceil_div(-col, stride) : 0, end = v->src.w > col ? fc_min((v->src.w - col - 1) / stride + 1, v->dst.w) : 0;
                if (begin < end)
                    axpy((size_t)(end - begin), weights + (s * v->cols.count + t) * tap_bytes,
                         x + (row * v->src.w + col + begin * stride) * size, (size_t)stride, y + (i * v->dst.w + begin) * size);
            }
        }
    activate_row(job, (size_t)(v->dst.h * v->dst.w), y);
}

static size_t task_count(const fc_conv_view *view) {
    return (size_t)view->n * (size_t)(view->dst.c_pitch == 1 ? view->dst.h : view->groups);
}

static double work(const fc_conv_view *view) { return 4.0 * (double)fc_view_pixels(view) * (double)(view->groups * view->rows.count * view->cols.count); }

void fc_depthwise_plan(const fc_conv2d_params *p, const fc_conv_view *view, size_t packed_bytes, fc_conv2d_plan *plan) {
    plan->tile_rows = 1;
    plan->tile_cols = 1;
    plan->pixels_in_rows = view->dst.c_pitch == 1;
    plan->block_pixels = (size_t)(view->dst.c_pitch == 1 ? view->dst.w : view->dst.h * view->dst.w);
    plan->block_k = fc_view_k(view);
    plan->tasks = task_count(view);
    plan->threads = (int)fc_parallel_workers(plan->tasks, work(view));
    plan->scratch_bytes = packed_bytes + 2 * fc_align_up((size_t)p->c_in * fc_dtype_size(p->dtype))
        + (size_t)plan->threads * fc_align_up((fc_view_k(view) + 1) * sizeof(void *));
}

fc_status fc_depthwise_run(const fc_kernels *kernels, const fc_conv2d_params *p, const fc_conv_view *view, const void *packed,
                           const void *x, void *y, const fc_epilogue *epilogue) {
    const size_t tasks = task_count(view), workers = fc_parallel_workers(tasks, work(view)), size = fc_dtype_size(p->dtype);
    const size_t row_bytes = fc_align_up((size_t)p->c_in * size);
    depthwise_job job = {.kernels = kernels, .view = view, .epilogue = epilogue, .packed = packed, .x = x, .y = y, .size = size,
                         .channels = (size_t)p->c_in, .taps = fc_view_k(view)};
    job.worker_bytes = fc_align_up((job.taps + 1) * sizeof(void *));
    job.scratch = fc_scratch_alloc(2 * row_bytes + workers * job.worker_bytes);
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    const double one_f64 = 1;
    const float one_f32 = 1;
    memset(job.scratch, 0, row_bytes);
    fill(job.scratch + row_bytes, job.channels, p->dtype == FC_F64 ? (const char *)&one_f64 : (const char *)&one_f32, size);
    fc_parallel_for(tasks, workers, p->layout == FC_NHWC ? nhwc_row : nchw_plane, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}
