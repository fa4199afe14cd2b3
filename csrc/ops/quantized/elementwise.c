/* SPDX-License-Identifier: MIT */
/* Bytes from floats and back, sums of bytes, and functions of bytes as tables: blocks of a fixed length in parallel. */
#include <math.h>

#include "core/dispatch.h"
#include "core/dtype.h"
#include "core/parallel.h"
#include "core/size.h"
#include "fastconv_quantized.h"

enum { BLOCK = 16384 }; /* elements of a task */

typedef struct bytes_job {
    size_t count;
    void (*run)(const struct bytes_job *job, size_t begin, size_t n);
    const fc_kernels *kernels;
    fc_add_bytes_block scales; /* y's, and of what is read: a and, of a sum, b */
    const uint8_t *table, *a, *b;
    const fc_any_float *floats;
    uint8_t *bytes;
    fc_any_float *reals;
} bytes_job;

static int is_quantization(const fc_quantization *q) { return q->scale > 0 && isfinite(q->scale); }

static int least_of(fc_dtype dtype) { return dtype == FC_I8 ? INT8_MIN : 0; }
static int most_of(fc_dtype dtype) { return dtype == FC_I8 ? INT8_MAX : UINT8_MAX; }

/* FC_BAD_DTYPE, FC_BAD_ARGUMENT: no bytes, no scale, or a zero point that is no such byte. */
static fc_status check(const fc_quantization *q) {
    if (!fc_is_integer(q->dtype))
        return FC_BAD_DTYPE;
    return is_quantization(q) && q->zero >= least_of(q->dtype) && q->zero <= most_of(q->dtype) ? FC_OK
                                                                                               : FC_BAD_ARGUMENT;
}

static fc_byte_scale read_as(const fc_quantization *q) { return (fc_byte_scale){q->scale, q->zero, q->dtype == FC_I8}; }

static void give_as(bytes_job *job, const fc_quantization *q, int low, int high) {
    job->scales.scale = q->scale;
    job->scales.zero = q->zero;
    job->scales.low = (float)(low - q->zero);
    job->scales.high = (float)(high - q->zero);
}

static void run_block(void *job_, size_t task, size_t worker) {
    (void)worker;
    const bytes_job *job = job_;
    const size_t begin = task * BLOCK;
    job->run(job, begin, job->count - begin < BLOCK ? job->count - begin : BLOCK);
}

static fc_status run(bytes_job *job, double cycles) {
    FC_TRY(fc_find_kernels(&job->kernels));
    const size_t tasks = fc_parts(job->count, BLOCK);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, cycles * (double)job->count), run_block, job);
    return FC_OK;
}

static void quantize(const bytes_job *job, size_t begin, size_t n) {
    const fc_add_bytes_block *s = &job->scales;
    job->kernels->quantize(n, s->scale, s->low, s->high, s->zero, job->floats + begin, job->bytes + begin);
}

fc_status fc_quantize(const fc_quantization *q, size_t count, const float *x, void *y) {
    bytes_job job = {.count = count, .run = quantize, .floats = x, .bytes = y};
    FC_TRY(check(q));
    if (count && (!x || !y))
        return FC_BAD_ARGUMENT;
    give_as(&job, q, least_of(q->dtype), most_of(q->dtype));
    return run(&job, 16);
}

static void dequantize(const bytes_job *job, size_t begin, size_t n) {
    job->kernels->dequantize(n, &job->scales.a, job->a + begin, job->reals + begin);
}

fc_status fc_dequantize(const fc_quantization *q, size_t count, const void *x, float *y) {
    bytes_job job = {.count = count, .run = dequantize, .a = x, .reals = y};
    FC_TRY(check(q));
    if (count && (!x || !y))
        return FC_BAD_ARGUMENT;
    job.scales.a = read_as(q);
    return run(&job, 16);
}

static void add(const bytes_job *job, size_t begin, size_t n) {
    job->kernels->add_bytes(n, &job->scales, job->a + begin, job->b + begin, job->bytes + begin);
}

fc_status fc_add_quantized(
    const fc_quantization q[3], int low, int high, size_t count, const void *a, const void *b, void *y) {
    bytes_job job = {.count = count, .run = add, .a = a, .b = b, .bytes = y};
    for (int i = 0; i < 3; i++)
        FC_TRY(check(&q[i]));
    if (low < least_of(q[2].dtype) || high > most_of(q[2].dtype) || low > high || (count && (!a || !b || !y)))
        return FC_BAD_ARGUMENT;
    job.scales.a = read_as(&q[0]);
    job.scales.b = read_as(&q[1]);
    give_as(&job, &q[2], low, high);
    return run(&job, 16);
}

static void lookup(const bytes_job *job, size_t begin, size_t n) {
    const uint8_t *table = job->table, *x = job->a + begin;
    uint8_t *restrict y = job->bytes + begin;
    for (size_t i = 0; i < n; i++)
        y[i] = table[x[i]];
}

fc_status fc_lookup(const uint8_t *table, size_t count, const void *x, void *y) {
    bytes_job job = {.count = count, .run = lookup, .table = table, .a = x, .bytes = y};
    if (!table || (count && (!x || !y)))
        return FC_BAD_ARGUMENT;
    return run(&job, 16);
}
