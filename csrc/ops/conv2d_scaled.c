/* SPDX-License-Identifier: MIT */
/*
 * A convolution whose output channels are scaled: in the kernel, a copy of it in scratch, or where that has more rows than there are
 * pixels, in the result.
 */
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/activation.h"
#include "ops/conv2d.h"

enum { TASK_NUMBERS = 1 << 14 };

/* to[row][c] = f(from[row][c] * scale[c] + bias[c]). Planes: a row is a channel of an image, `count` channels of them, and scaled as one. */
typedef struct scale_job {
    fc_dtype dtype;
    size_t rows, length, count, block;  /* block: rows of a task */
    int planes;
    const char *from, *scale, *bias;    /* bias: may be NULL */
    char *to;
    fc_activation_fn *activate;         /* or NULL */
    double alpha;
} scale_job;

#define SCALE_ROW(NAME, T)                                                                                              \
    static void NAME(size_t n, const T *from, const T *scale, const T *bias, size_t step, T *to) {                      \
        if (!step) {                                                                                                    \
            const T times = *scale, plus = bias ? *bias : 0;                                                            \
            for (size_t i = 0; i < n; i++)                                                                              \
                to[i] = from[i] * times + plus;                                                                         \
        } else if (bias)                                                                                                \
            for (size_t i = 0; i < n; i++)                                                                              \
                to[i] = from[i] * scale[i] + bias[i];                                                                   \
        else                                                                                                            \
            for (size_t i = 0; i < n; i++)                                                                              \
                to[i] = from[i] * scale[i];                                                                             \
    }
SCALE_ROW(scale_row_f32, float)
SCALE_ROW(scale_row_f64, double)

static void scale_block(void *job_, size_t task, size_t worker) {
    (void)worker;
    const scale_job *job = job_;
    const size_t first = task * job->block, end = first + fc_least(job->block, job->rows - first), size = fc_dtype_size(job->dtype);
    for (size_t row = first; row < end; row++) {
        const size_t offset = row * job->length * size, channel = job->planes ? row % job->count * size : 0, step = !job->planes;
        const char *scale = job->scale + channel, *bias = job->bias ? job->bias + channel : NULL;
        if (job->dtype == FC_F64)
            scale_row_f64(job->length, (const double *)(job->from + offset), (const double *)scale, (const double *)bias, step, (double *)(job->to + offset));
        else
            scale_row_f32(job->length, (const float *)(job->from + offset), (const float *)scale, (const float *)bias, step, (float *)(job->to + offset));
        if (job->activate)
            job->activate(job->length, job->alpha, job->to + offset, job->to + offset);
    }
}

static void scale_rows(scale_job *job) {
    job->block = fc_parts(TASK_NUMBERS, job->length);
    const size_t tasks = fc_parts(job->rows, job->block), bytes = job->rows * job->length * fc_dtype_size(job->dtype);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 8.0 * (double)bytes), scale_block, job);
}

static fc_status run_scaling_kernel(const fc_layer *layer, fc_conv2d_algorithm id, const void *x, const void *kernel, const void *scale, const void *bias, void *y) {
    const fc_conv2d_params *p = &layer->params;
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)fc_view_k(&layer->view), p->c_out, (ptrdiff_t)fc_dtype_size(p->dtype)}, 3, &bytes));
    void *scaled = fc_scratch_alloc(bytes);
    if (!scaled)
        return FC_OUT_OF_MEMORY;
    scale_job job = {.dtype = p->dtype, .rows = fc_view_k(&layer->view), .length = (size_t)p->c_out, .from = kernel, .scale = scale, .to = scaled};
    scale_rows(&job);
    const fc_status status = fc_layer_run_once(layer, id, scaled, bias, x, y);
    fc_scratch_free(scaled);
    return status;
}

static fc_status run_scaling_result(const fc_layer *layer, fc_conv2d_algorithm id, const void *x, const void *kernel, const void *scale, const void *bias, void *y) {
    const fc_conv2d_params *p = &layer->params;
    const size_t pixels = fc_view_pixels(&layer->view), outs = (size_t)p->c_out;
    fc_layer linear = *layer;
    linear.params.activation = FC_LINEAR;
    FC_TRY(fc_layer_run_once(&linear, id, kernel, NULL, x, y));
    scale_job job = {.dtype = p->dtype, .planes = p->layout == FC_NCHW, .from = y, .scale = scale, .bias = bias, .to = y, .alpha = p->alpha, .count = outs};
    job.activate = fc_activation_kernel(layer->kernels, p->dtype, p->activation);
    job.rows = job.planes ? (size_t)p->n * outs : pixels;
    job.length = job.planes ? pixels / (size_t)p->n : outs;
    scale_rows(&job);
    return FC_OK;
}

fc_status fc_conv2d_scaled(const fc_conv2d_params *p, const void *x, const void *kernel, const void *scale, const void *bias, void *y) {
    fc_layer layer;
    fc_conv2d_algorithm id;
    FC_TRY(fc_layer_make(p, &layer));
    if (p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(fc_layer_choose(&layer, &id));
    if (fc_layer_is_empty(&layer))
        return FC_OK;
    const size_t k = fc_view_k(&layer.view);
    const int few_pixels = !k || fc_view_pixels(&layer.view) <= k;
    return (few_pixels ? run_scaling_result : run_scaling_kernel)(&layer, id, x, kernel, scale, bias, y);
}
