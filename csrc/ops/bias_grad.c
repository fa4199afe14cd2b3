/* SPDX-License-Identifier: MIT */
/* Sums of dy over all pixels, a channel each, in double; tasks are slices whose sums are added in order. */
#include <string.h>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/algo/pack.h"

enum { SLICES = 16, BATCH = 1024 };

typedef struct bias_job {
    const fc_kernels *kernels;
    fc_dtype dtype;
    fc_layout layout;
    size_t n, pixels, c;        /* pixels of one image */
    size_t rows, batch;         /* channels_last: all pixels, and how many are summed side by side */
    const char *dy;
    double *sums;               /* [slice][batch * c]; channels_first: [channel] */
} bias_job;

static void add(const bias_job *job, const char *x, double *sums, size_t count) {
    float wide[BATCH];
    if (job->dtype == FC_F64)
        job->kernels->accumulate_f64(x, sums, count);
    else if (job->dtype == FC_F32)
        job->kernels->accumulate_f32(x, sums, count);
    else
        for (size_t i = 0; i < count; i += BATCH) {
            size_t n = count - i < BATCH ? count - i : BATCH;
            fc_widen(job->kernels, job->dtype, x + i * 2, wide, n);
            job->kernels->accumulate_f32(wide, sums + i, n);
        }
}

/* channels_last: `batch` pixels at a time go to sums of their own, folded at the end. */
static void sum_rows(void *job_, size_t slice, size_t worker) {
    (void)worker;
    const bias_job *job = job_;
    const size_t size = fc_dtype_size(job->dtype), end = job->rows * (slice + 1) / SLICES;
    double *sums = job->sums + slice * job->batch * job->c;
    memset(sums, 0, job->batch * job->c * sizeof *sums);
    for (size_t row = job->rows * slice / SLICES; row < end; row += job->batch) {
        size_t n = end - row < job->batch ? end - row : job->batch;
        add(job, job->dy + row * job->c * size, sums, n * job->c);
    }
    for (size_t i = 1; i < job->batch; i++)
        job->kernels->accumulate_f64(sums + i * job->c, sums, job->c);
}

static void sum_plane(void *job_, size_t channel, size_t worker) {
    (void)worker;
    enum { LANES = 64 };
    const bias_job *job = job_;
    const size_t size = fc_dtype_size(job->dtype);
    double lanes[LANES] = {0};
    for (size_t image = 0; image < job->n; image++) {
        const char *plane = job->dy + (image * job->c + channel) * job->pixels * size;
        for (size_t i = 0; i < job->pixels; i += LANES)
            add(job, plane + i * size, lanes, job->pixels - i < LANES ? job->pixels - i : LANES);
    }
    job->sums[channel] = 0;
    for (size_t i = 0; i < LANES; i++)
        job->sums[channel] += lanes[i];
}

static void store(const bias_job *job, char *dbias) {
    for (size_t c = 0; c < job->c; c++) {
        const float narrow = (float)job->sums[c];
        char *to = dbias + c * fc_dtype_size(job->dtype);
        if (job->dtype == FC_F64)
            memcpy(to, &job->sums[c], 8);
        else if (job->dtype == FC_F32)
            memcpy(to, &narrow, 4);
        else
            (job->dtype == FC_F16 ? job->kernels->narrow_f16 : job->kernels->narrow_bf16)(&narrow, to, 1);
    }
}

fc_status fc_bias_grad(fc_dtype dtype, fc_layout layout, ptrdiff_t n, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, const void *dy, void *dbias) {
    if (!fc_is_half(dtype) && dtype != FC_F32 && dtype != FC_F64)
        return FC_BAD_DTYPE;
    if (layout != FC_NHWC && layout != FC_NCHW)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_check_tensor(dtype, n, h, w, c));
    bias_job job = {fc_active_kernels(), dtype, layout, (size_t)n, (size_t)(h * w), (size_t)c, (size_t)(n * h * w), 1, dy, NULL};
    if (!job.c)
        return FC_OK;
    job.batch = job.c < BATCH / 4 ? BATCH / 4 / job.c : 1;
    const ptrdiff_t factors[] = {SLICES, (ptrdiff_t)job.batch, c, (ptrdiff_t)sizeof(double)};
    size_t bytes;
    FC_TRY(fc_multiply(factors, 4, &bytes));
    job.sums = fc_scratch_alloc(bytes);
    if (!job.sums)
        return FC_OUT_OF_MEMORY;
    const size_t tasks = layout == FC_NHWC ? SLICES : job.c;
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 16.0 * (double)job.rows * (double)job.c), layout == FC_NHWC ? sum_rows : sum_plane, &job);
    for (size_t slice = 1; layout == FC_NHWC && slice < SLICES; slice++)
        job.kernels->accumulate_f64(job.sums + slice * job.batch * job.c, job.sums, job.c);
    store(&job, dbias);
    fc_scratch_free(job.sums);
    return FC_OK;
}
