/* SPDX-License-Identifier: MIT */
/*
 * Sums of dy over all pixels, a channel each, in double. dy is a matrix: channels_last, a row a pixel with a column a
 * channel; channels_first, a row an image with the columns of a plane together. Rows are added up first, then the
 * columns of a plane. A task has a slice of the rows and a chunk of the columns; the sums of the slices are added in
 * order.
 */
#include "ops/conv2d/grad/bias.h"

#include <string.h>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

enum {
    TASK = 16384,    /* numbers of a task, at least, where there are as many */
    MOST_TASKS = 64, /* of slices times chunks, where a slice is not all rows */
    COLUMNS = 2048,  /* of a chunk: as many sums stay in L1 */
    PIECE = 1024     /* numbers whose dz is written and added while it is in L1 */
};

typedef struct bias_job {
    const fc_kernels *kernels;
    const fc_activation_pass *pass;
    fc_dtype dtype;
    size_t size, c, pixels;     /* pixels: columns of a channel */
    size_t rows, width;         /* of the matrix */
    size_t slices, batch;       /* batch: rows added side by side, where a chunk is all columns */
    size_t chunks, run, pieces; /* a chunk is `run` channels, or one of the `pieces` of a channel */
    const char *dz;
    double *sums; /* [slice][piece][c] */
} bias_job;

/* At most PIECE numbers. */
static void add(const bias_job *job, size_t at, size_t count, double *sums) {
    const char *x = job->dz + at * job->size;
    float wide[PIECE];
    if (job->dtype == FC_F64)
        job->kernels->accumulate_f64(x, sums, count);
    else if (job->dtype == FC_F32)
        job->kernels->accumulate_f32(x, sums, count);
    else {
        fc_widen(job->kernels, job->dtype, x, wide, count);
        job->kernels->accumulate_f32(wide, sums, count);
    }
}

/* The caller has checked the pass, so that it cannot fail; within a task it runs in the task's thread. */
static void take_pass(const bias_job *job, size_t at, size_t count) {
    const fc_activation_pass *pass = job->pass;
    const size_t offset = at * job->size;
    if (pass)
        fc_activate_grad(job->dtype, pass->activation, pass->alpha, count, NULL, (const char *)pass->y + offset,
            (const char *)pass->dy + offset, (char *)pass->dz + offset);
}

/* sums[0] ... sums[width - 1] = the sums over `parts`, a power of two, of such rows. */
static void fold(const fc_kernels *kernels, double *sums, size_t parts, size_t width) {
    for (size_t half = parts / 2; half; half /= 2)
        kernels->accumulate_f64(sums + half * width, sums, half * width);
}

static double total(const fc_kernels *kernels, double *sums, size_t count) {
    for (size_t half; count > 4; count -= half) {
        half = count / 2;
        kernels->accumulate_f64(sums + count - half, sums, half);
    }
    double sum = sums[0];
    for (size_t i = 1; i < count; i++)
        sum += sums[i];
    return sum;
}

static void sum_chunk(void *job_, size_t task, size_t worker) {
    (void)worker;
    const bias_job *job = job_;
    const size_t slice = task / job->chunks, chunk = task % job->chunks, channel = chunk / job->pieces * job->run,
                 piece = chunk % job->pieces;
    const size_t channels = fc_least(job->run, job->c - channel), from = job->pixels * piece / job->pieces;
    const size_t of_plane = job->pixels * (piece + 1) / job->pieces - from, columns = channels * of_plane;
    const size_t end = job->rows * (slice + 1) / job->slices;
    double columns_sums[COLUMNS], *sums = job->sums + (slice * job->pieces + piece) * job->c + channel;
    memset(columns_sums, 0, job->batch * columns * sizeof *sums);
    for (size_t row = job->rows * slice / job->slices; row < end; row += job->batch) {
        const size_t at = row * job->width + channel * job->pixels + from,
                     count = fc_least(end - row, job->batch) * columns;
        for (size_t i = 0; i < count; i += PIECE) {
            const size_t n = fc_least(count - i, PIECE);
            take_pass(job, at + i, n);
            add(job, at + i, n, columns_sums + i);
        }
    }
    fold(job->kernels, columns_sums, job->batch, columns);
    for (size_t i = 0; i < channels; i++)
        sums[i] = of_plane == 1 ? columns_sums[i] : total(job->kernels, columns_sums + i * of_plane, of_plane);
}

static void store(const bias_job *job, char *dbias) {
    for (size_t c = 0; c < job->c; c++) {
        const float narrow = (float)job->sums[c];
        char *to = dbias + c * job->size;
        if (job->dtype == FC_F64)
            memcpy(to, &job->sums[c], 8);
        else if (job->dtype == FC_F32)
            memcpy(to, &narrow, 4);
        else
            fc_narrow(job->kernels, job->dtype, &narrow, to, 1);
    }
}

static void cut(bias_job *job) {
    job->width = job->c * job->pixels;
    job->run = job->pixels < COLUMNS ? fc_least(COLUMNS / job->pixels, job->c) : 1;
    job->pieces = fc_parts(job->pixels, COLUMNS);
    job->chunks = fc_parts(job->c, job->run) * job->pieces;
    job->batch = 1;
    while (job->chunks == 1 && 2 * job->batch * job->width <= PIECE && 2 * job->batch <= job->rows)
        job->batch *= 2;
    const size_t slices = fc_least(
        fc_least(fc_parts(job->rows * job->width, TASK), MOST_TASKS) / job->chunks, job->rows);
    job->slices = slices ? slices : 1;
}

static fc_status run(bias_job *job, char *dbias) {
    const size_t tasks = job->slices * job->chunks, sums = job->slices * job->pieces;
    const ptrdiff_t factors[] = {(ptrdiff_t)sums, (ptrdiff_t)job->c, (ptrdiff_t)sizeof(double)};
    size_t bytes;
    FC_TRY(fc_multiply(factors, 3, &bytes));
    job->sums = fc_scratch_alloc(bytes);
    if (!job->sums)
        return FC_OUT_OF_MEMORY;
    fc_parallel_for(tasks,
        fc_parallel_workers(tasks, (job->pass ? 48.0 : 16.0) * (double)job->rows * (double)job->width), sum_chunk, job);
    for (size_t i = 1; i < sums; i++)
        job->kernels->accumulate_f64(job->sums + i * job->c, job->sums, job->c);
    store(job, dbias);
    fc_scratch_free(job->sums);
    return FC_OK;
}

fc_status fc_bias_grad_of(fc_dtype dtype, fc_layout layout, ptrdiff_t n, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c,
    const fc_activation_pass *pass, const void *dz, void *dbias) {
    if (!fc_is_half(dtype) && dtype != FC_F32 && dtype != FC_F64)
        return FC_BAD_DTYPE;
    if (layout != FC_NHWC && layout != FC_NCHW)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_check_tensor(dtype, n, h, w, c));
    const size_t pixels = (size_t)h * (size_t)w;
    const fc_kernels *kernels;
    FC_TRY(fc_find_kernels(&kernels));
    bias_job job = {
        .kernels = kernels, .pass = pass, .dtype = dtype, .size = fc_dtype_size(dtype), .c = (size_t)c, .dz = dz};
    job.pixels = layout == FC_NCHW && n && pixels ? pixels : 1;
    job.rows = n && pixels ? (size_t)n * (layout == FC_NCHW ? 1 : pixels) : 0;
    if (!job.c)
        return FC_OK;
    cut(&job);
    return run(&job, dbias);
}

fc_status fc_bias_grad(
    fc_dtype dtype, fc_layout layout, ptrdiff_t n, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, const void *dy, void *dbias) {
    return fc_bias_grad_of(dtype, layout, n, h, w, c, NULL, dy, dbias);
}
