/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/epilogue.h"

#include "core/parallel.h"
#include "core/size.h"
#include "ops/elementwise/activation.h"

enum { TASK_NUMBERS = 1 << 14 };

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

typedef struct scale_tasks {
    const fc_scale_job *job;
    size_t rows; /* of a task */
} scale_tasks;

static void scale_block(void *tasks_, size_t task, size_t worker) {
    (void)worker;
    const scale_tasks *tasks = tasks_;
    const fc_scale_job *job = tasks->job;
    const size_t first = task * tasks->rows, end = first + fc_least(tasks->rows, job->rows - first),
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

void fc_scale_rows(const fc_scale_job *job) {
    scale_tasks each = {job, fc_parts(TASK_NUMBERS, job->length)};
    const size_t tasks = fc_parts(job->rows, each.rows), bytes = job->rows * job->length * fc_dtype_size(job->dtype);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 8.0 * (double)bytes), scale_block, &each);
}

void fc_layer_add(const fc_layer *layer, const void *added, void *y) {
    const fc_conv2d_params *p = &layer->params;
    fc_scale_job job = {.dtype = p->dtype, .from = y, .added = added, .to = y, .count = 1};
    job.activate = fc_activation_kernel(layer->kernels, p->dtype, p->activation);
    job.alpha = p->alpha;
    job.rows = fc_view_pixels(&layer->view);
    job.length = (size_t)p->c_out;
    fc_scale_rows(&job);
}
