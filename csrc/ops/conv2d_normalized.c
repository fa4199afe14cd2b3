/* SPDX-License-Identifier: MIT */
/*
 * A convolution whose output channels are normalized, and a tensor added. Algorithms that finish their sums so do it in
 * registers. For others the scale goes into a copy of the kernel, or where that has more rows than there are pixels, or
 * something is added, into the result.
 */
#include <math.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/activation.h"
#include "ops/conv2d.h"

enum { TASK_NUMBERS = 1 << 14 };

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

/* to[row][c] = f(from[row][c] * scale[c] + shift[c] + added[row][c]). Planes: a row is a channel of an image, `count`
 * channels of them, and scaled as one. */
typedef struct scale_job {
    fc_dtype dtype;
    size_t rows, length, count, block; /* block: rows of a task */
    int planes;
    const char *from, *scale, *shift,
        *added; /* scale: NULL where nothing but `added` changes; shift, added: may be NULL */
    char *to;
    fc_activation_fn *activate; /* or NULL */
    double alpha;
} scale_job;

#define SCALE_ROW(NAME, T)                                                                                          \
    static void NAME(size_t n, const T *from, const T *scale, const T *shift, const T *added, size_t step, T *to) { \
        if (scale && !step) {                                                                                       \
            const T times = *scale, plus = shift ? *shift : 0;                                                      \
            for (size_t i = 0; i < n; i++)                                                                          \
                to[i] = from[i] * times + plus;                                                                     \
        } else if (scale && shift)                                                                                  \
            for (size_t i = 0; i < n; i++)                                                                          \
                to[i] = from[i] * scale[i] + shift[i];                                                              \
        else if (scale)                                                                                             \
            for (size_t i = 0; i < n; i++)                                                                          \
                to[i] = from[i] * scale[i];                                                                         \
        for (size_t i = 0; added && i < n; i++)                                                                     \
            to[i] += added[i];                                                                                      \
    }
SCALE_ROW(scale_row_f32, fc_any_float)
SCALE_ROW(scale_row_f64, fc_any_double)

static void scale_block(void *job_, size_t task, size_t worker) {
    (void)worker;
    const scale_job *job = job_;
    const size_t first = task * job->block, end = first + fc_least(job->block, job->rows - first),
                 size = fc_dtype_size(job->dtype);
    for (size_t row = first; row < end; row++) {
        const size_t offset = row * job->length * size, channel = job->planes ? row % job->count * size : 0,
                     step = !job->planes;
        const void *from = job->from + offset, *scale = job->scale ? job->scale + channel : NULL;
        const void *shift = job->shift ? job->shift + channel : NULL;
        const void *added = job->added ? job->added + offset : NULL;
        if (job->dtype == FC_F64)
            scale_row_f64(job->length, from, scale, shift, added, step, (fc_any_double *)(job->to + offset));
        else
            scale_row_f32(job->length, from, scale, shift, added, step, (fc_any_float *)(job->to + offset));
        if (job->activate)
            job->activate(job->length, job->alpha, job->to + offset, job->to + offset);
    }
}

static void scale_rows(scale_job *job) {
    job->block = fc_parts(TASK_NUMBERS, job->length);
    const size_t tasks = fc_parts(job->rows, job->block), bytes = job->rows * job->length * fc_dtype_size(job->dtype);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 8.0 * (double)bytes), scale_block, job);
}

static fc_status run_scaling_kernel(const fc_layer *layer, fc_conv2d_algorithm id, const operands *o) {
    const fc_conv2d_params *p = &layer->params;
    size_t bytes;
    FC_TRY(fc_multiply(
        (ptrdiff_t[]){(ptrdiff_t)fc_view_k(&layer->view), p->c_out, (ptrdiff_t)fc_dtype_size(p->dtype)}, 3, &bytes));
    void *scaled = fc_scratch_alloc(bytes);
    if (!scaled)
        return FC_OUT_OF_MEMORY;
    scale_job job = {.dtype = p->dtype,
        .rows = fc_view_k(&layer->view),
        .length = (size_t)p->c_out,
        .from = o->kernel,
        .scale = o->scale,
        .to = scaled};
    scale_rows(&job);
    const fc_status status = fc_layer_run_once(layer, id, scaled, o->shift, o->x, o->y);
    fc_scratch_free(scaled);
    return status;
}

static fc_status run_scaling_result(
    const fc_layer *layer, fc_conv2d_algorithm id, const operands *o, const void *added) {
    const fc_conv2d_params *p = &layer->params;
    const size_t pixels = fc_view_pixels(&layer->view), outs = (size_t)p->c_out;
    fc_layer linear = *layer;
    linear.params.activation = FC_LINEAR;
    FC_TRY(fc_layer_run_once(&linear, id, o->kernel, NULL, o->x, o->y));
    scale_job job = {.dtype = p->dtype,
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
    scale_rows(&job);
    return FC_OK;
}

void fc_layer_add(const fc_layer *layer, const void *added, void *y) {
    const fc_conv2d_params *p = &layer->params;
    scale_job job = {.dtype = p->dtype, .from = y, .added = added, .to = y, .count = 1};
    job.activate = fc_activation_kernel(layer->kernels, p->dtype, p->activation);
    job.alpha = p->alpha;
    job.rows = fc_view_pixels(&layer->view);
    job.length = (size_t)p->c_out;
    scale_rows(&job);
}

static fc_status run(const fc_layer *layer, fc_conv2d_algorithm id, const operands *o, const void *added) {
    const size_t k = fc_view_k(&layer->view);
    if (fc_layer_finishes(layer, id)) {
        fc_layer finished = *layer;
        finished.scale = o->scale;
        finished.added = added;
        return fc_layer_run_once(&finished, id, o->kernel, o->shift, o->x, o->y);
    }
    return added || !k || fc_view_pixels(&layer->view) <= k ? run_scaling_result(layer, id, o, added)
                                                            : run_scaling_kernel(layer, id, o);
}

fc_status fc_conv2d_normalized(const fc_conv2d_params *p, const fc_normalization *normalization, const void *x,
    const void *kernel, const void *bias, const void *added, void *y) {
    fc_layer layer;
    fc_conv2d_algorithm id;
    FC_TRY(fc_layer_make(p, &layer));
    if (p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(fc_layer_choose(&layer, &id));
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
    const fc_status status = run(&layer, id, &o, added);
    fc_scratch_free(scale);
    return status;
}
