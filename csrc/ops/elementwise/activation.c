/* SPDX-License-Identifier: MIT */
/*
 * Elementwise activations and gradients: blocks of a fixed length in parallel. Halves go by way of float in cache; so
 * do results that are too large to stay in cache, which then pass it by: their lines need not be read to be written.
 */
#include "ops/elementwise/activation.h"

#include <math.h>
#include <stdint.h>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/dtype.h"
#include "core/parallel.h"
#include "core/size.h"

enum {
    BLOCK = 8192,         /* elements of a task */
    HALF_BLOCK = 1024,    /* halves converted at a time: three float blocks on the stack, in L1 */
    STREAMED_BLOCK = 4096 /* bytes made at a time, then copied past the caches */
};

typedef struct activation_job {
    size_t count, width;
    double alpha;
    fc_activation_fn *forward;
    fc_activation_grad_fn *gradient;
    const fc_relu_params *relu; /* not NULL: these take the place of the two above */
    fc_relu_fn *relu_forward;
    fc_relu_grad_fn *relu_gradient;
    fc_convert_fn *widen, *narrow; /* NULL for float and double */
    fc_stream_fn *stream;          /* NULL where the result stays in cache */
    fc_stream_end_fn *stream_end;
    const char *from, *dy; /* dy: gradients only */
    char *to;
} activation_job;

int fc_activation_from_output(fc_activation activation, double alpha) {
    switch (activation) {
    case FC_LEAKY_RELU:
        return alpha >= 0; /* y tells the sign of x */
    case FC_ELU:
        return alpha > 0;
    case FC_SILU:
    case FC_GELU:
    case FC_GELU_TANH:
    case FC_HARD_SILU:
    case FC_MISH:
    case FC_ACTIVATION_COUNT:
        return 0;
    default:
        return activation >= FC_LINEAR && activation < FC_ACTIVATION_COUNT;
    }
}

static void run_kernel(const activation_job *job, size_t n, const void *from, const void *dy, void *to) {
    if (job->relu && job->dy)
        job->relu_gradient(n, job->relu, from, dy, to);
    else if (job->relu)
        job->relu_forward(n, job->relu, from, to);
    else if (job->gradient)
        job->gradient(n, job->alpha, from, dy, to);
    else
        job->forward(n, job->alpha, from, to);
}

/* Bytes [begin, end) of float or double. */
static void stream_block(const activation_job *job, size_t begin, size_t end) {
    _Alignas(64) char made[STREAMED_BLOCK];
    for (size_t i = begin; i < end; i += sizeof made) {
        const size_t bytes = end - i < sizeof made ? end - i : sizeof made;
        run_kernel(job, bytes / job->width, job->from + i, job->dy ? job->dy + i : NULL, made);
        job->stream(job->to + i, made, bytes);
    }
    job->stream_end();
}

static void run_block(void *job_, size_t task, size_t worker) {
    const activation_job *job = job_;
    (void)worker;
    size_t begin = task * BLOCK, end = begin + BLOCK < job->count ? begin + BLOCK : job->count;
    if (job->stream) {
        stream_block(job, begin * job->width, end * job->width);
        return;
    }
    if (!job->widen) {
        size_t offset = begin * job->width;
        run_kernel(job, end - begin, job->from + offset, job->dy ? job->dy + offset : NULL, job->to + offset);
        return;
    }
    float from[HALF_BLOCK], dy[HALF_BLOCK], to[HALF_BLOCK];
    for (size_t i = begin; i < end; i += HALF_BLOCK) {
        size_t n = end - i < HALF_BLOCK ? end - i : HALF_BLOCK;
        job->widen(job->from + i * 2, from, n);
        if (job->dy)
            job->widen(job->dy + i * 2, dy, n);
        run_kernel(job, n, from, dy, to);
        job->narrow(to, job->to + i * 2, n);
    }
}

/* Chooses the conversions of a dtype and runs the job's kernel, already chosen for FC_F64 or float. */
static fc_status run(activation_job *job, fc_dtype dtype, const fc_kernels *kernels) {
    const ptrdiff_t factors[] = {(ptrdiff_t)job->count, (ptrdiff_t)fc_dtype_size(dtype)};
    size_t bytes;
    FC_TRY(fc_multiply(factors, 2, &bytes));
    job->width = fc_dtype_size(dtype);
    if (dtype == FC_F16 || dtype == FC_BF16) {
        job->widen = fc_widen_kernel(kernels, dtype);
        job->narrow = fc_narrow_kernel(kernels, dtype);
    }
    if (!job->widen && bytes > fc_caches()->l3 / 3 * (job->dy ? 2 : 3) && job->to != job->from && job->to != job->dy) {
        job->stream = kernels->stream;
        job->stream_end = kernels->stream_end;
    }
    size_t tasks = job->count / BLOCK + (job->count % BLOCK != 0);
    const size_t workers = fc_parallel_workers(tasks, 32.0 * (double)job->count);
    fc_parallel_for(tasks, workers, run_block, job);
    return FC_OK;
}

static fc_status check(fc_dtype dtype, fc_activation activation, const fc_kernels **kernels) {
    if (dtype != FC_F16 && dtype != FC_BF16 && dtype != FC_F32 && dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(fc_find_kernels(kernels));
    return activation >= FC_LINEAR && activation < FC_ACTIVATION_COUNT ? FC_OK : FC_BAD_ARGUMENT;
}

fc_status fc_activate(fc_dtype dtype, fc_activation activation, double alpha, size_t count, const void *x, void *y) {
    const fc_kernels *kernels;
    FC_TRY(check(dtype, activation, &kernels));
    if (count && (!x || !y))
        return FC_BAD_ARGUMENT;
    activation_job job = {.count = count, .alpha = alpha, .from = x, .to = y};
    job.forward = dtype == FC_F64 ? kernels->activate_f64[activation] : kernels->activate_f32[activation];
    return run(&job, dtype, kernels);
}

fc_status fc_activate_grad(fc_dtype dtype, fc_activation activation, double alpha, size_t count, const void *x,
    const void *y, const void *dy, void *dx) {
    const fc_kernels *kernels;
    FC_TRY(check(dtype, activation, &kernels));
    if (!count)
        return FC_OK;
    if (!dy || !dx || (!x && !y))
        return FC_BAD_ARGUMENT;
    if (!x && !fc_activation_from_output(activation, alpha))
        return FC_NEEDS_INPUT;
    activation_job job = {.count = count, .alpha = alpha, .from = x ? x : y, .dy = dy, .to = dx};
    if (dtype == FC_F64)
        job.gradient = x ? kernels->activate_grad_f64[activation] : kernels->activate_grad_y_f64[activation];
    else
        job.gradient = x ? kernels->activate_grad_f32[activation] : kernels->activate_grad_y_f32[activation];
    return run(&job, dtype, kernels);
}

/* value as a number of the dtype, its nearest. */
static double rounded(const fc_kernels *kernels, fc_dtype dtype, double value) {
    float narrow = (float)value;
    uint16_t half;
    if (dtype == FC_F64)
        return value;
    if (dtype == FC_F16 || dtype == FC_BF16) {
        fc_narrow(kernels, dtype, &narrow, &half, 1);
        fc_widen(kernels, dtype, &half, &narrow, 1);
    }
    return narrow;
}

static fc_status relu(
    fc_dtype dtype, const fc_relu_params *params, size_t count, const void *x, const void *dy, void *to) {
    const fc_kernels *kernels;
    FC_TRY(check(dtype, FC_RELU, &kernels));
    fc_relu_params p = {
        .negative_slope = params->negative_slope,
        .threshold = rounded(kernels, dtype, params->threshold),
        .low = rounded(kernels, dtype, params->low),
        .high = rounded(kernels, dtype, params->high),
    };
    if (isnan(p.negative_slope) || !isfinite(p.threshold) || !(p.low <= p.high))
        return FC_BAD_ARGUMENT;
    if (count && (!x || !to))
        return FC_BAD_ARGUMENT;
    activation_job job = {.count = count, .relu = &p, .from = x, .dy = dy, .to = to};
    job.relu_forward = dtype == FC_F64 ? kernels->relu_f64 : kernels->relu_f32;
    job.relu_gradient = dtype == FC_F64 ? kernels->relu_grad_f64 : kernels->relu_grad_f32;
    return run(&job, dtype, kernels);
}

fc_status fc_relu(fc_dtype dtype, const fc_relu_params *params, size_t count, const void *x, void *y) {
    return relu(dtype, params, count, x, NULL, y);
}

fc_status fc_relu_grad(
    fc_dtype dtype, const fc_relu_params *params, size_t count, const void *x, const void *dy, void *dx) {
    return dy || !count ? relu(dtype, params, count, x, dy, dx) : FC_BAD_ARGUMENT;
}
