/* SPDX-License-Identifier: MIT */
/* Weighted sums along the middle axis of (outer, axis, inner): what resizing an image does, an axis after the other. */
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "fastconv.h"

enum { FEW = 4 }; /* elements of a row that are not worth a call of a kernel */

typedef struct resample_job {
    const fc_resample_params *p;
    fc_sparse_fn *kernel;
    size_t width, rows, tasks; /* bytes of an element; rows of y, and of them those of a task */
    const char *weights, *x;
    const size_t *places;
    char *y;
    fc_sparse_place *scratch; /* taps of them for each worker */
} resample_job;

#define SUM_FEW(NAME, T)                                                                                  \
    static void NAME(const resample_job *job, const size_t *places, const T *weights, const T *x, T *y) { \
        for (size_t i = 0; i < job->p->inner; i++) {                                                      \
            T sum = 0;                                                                                    \
            for (size_t tap = 0; tap < job->p->taps; tap++)                                               \
                sum += weights[tap] * x[places[tap] * job->p->inner + i];                                 \
            y[i] = sum;                                                                                   \
        }                                                                                                 \
    }
SUM_FEW(sum_few_f32, float)
SUM_FEW(sum_few_f64, double)

static void sum_row(const resample_job *job, size_t row, fc_sparse_place *at) {
    const fc_resample_params *p = job->p;
    const size_t j = row % p->length, *places = job->places + j * p->taps;
    const char *x = job->x + row / p->length * p->axis * p->inner * job->width;
    const void *weights = job->weights + j * p->taps * job->width, *rows[] = {x};
    char *y = job->y + row * p->inner * job->width;
    if (p->inner < FEW && p->dtype == FC_F64)
        sum_few_f64(job, places, weights, (const double *)x, (double *)y);
    else if (p->inner < FEW)
        sum_few_f32(job, places, weights, (const float *)x, (float *)y);
    else {
        for (size_t tap = 0; tap < p->taps; tap++)
            at[tap] = (fc_sparse_place){0, places[tap] * p->inner};
        job->kernel(&(fc_sparse_block){
            .taps = weights, .places = at, .n_taps = p->taps, .rows = rows, .n_rows = 1, .n_cols = p->inner, .out = y});
    }
}

static void rows_task(void *job_, size_t task, size_t worker) {
    const resample_job *job = job_;
    fc_sparse_place *at = job->scratch + worker * job->p->taps;
    for (size_t row = job->rows * task / job->tasks, end = job->rows * (task + 1) / job->tasks; row < end; row++)
        sum_row(job, row, at);
}

fc_status fc_resample(const fc_resample_params *p, const size_t *places, const void *weights, const void *x, void *y) {
    const fc_kernels *kernels = fc_active_kernels();
    if (p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    for (size_t i = 0; i < p->length * p->taps; i++)
        if (places[i] >= p->axis)
            return FC_BAD_ARGUMENT;
    resample_job job = {.p = p,
        .kernel = p->dtype == FC_F64 ? kernels->sparse_f64 : kernels->sparse_f32,
        .width = fc_dtype_size(p->dtype),
        .rows = p->outer * p->length,
        .weights = weights,
        .x = x,
        .places = places,
        .y = y};
    const double work = 2.0 * (double)(p->taps + 2) * (double)job.rows * (double)p->inner;
    job.tasks = fc_task_count(work);
    const size_t workers = fc_parallel_workers(job.tasks, work);
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)p->taps, sizeof *job.scratch}, 3, &bytes));
    job.scratch = fc_scratch_alloc(bytes);
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    fc_parallel_for(job.tasks, workers, rows_task, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}
