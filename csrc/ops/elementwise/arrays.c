/* SPDX-License-Identifier: MIT */
/* Sums and copies, bound by memory: plain loops in blocks of a fixed length. */
#include <string.h>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/size.h"

enum { BLOCK = 8192 };     /* elements of a task of sums */
enum { COPIED = 1 << 15 }; /* bytes of a task of copies */

typedef struct sum_job {
    fc_dtype dtype;
    size_t rows, row, block; /* block: rows of a task, or elements of the only one */
    const char *a, *b;
    char *y;
} sum_job;

#define SUM(T, ANY)                                                           \
    static void sum_##T(const char *a_, const char *b_, char *y_, size_t n) { \
        const ANY *a = (const ANY *)a_, *b = (const ANY *)b_;                 \
        ANY *y = (ANY *)y_;                                                   \
        for (size_t i = 0; i < n; i++)                                        \
            y[i] = a[i] + b[i];                                               \
    }
SUM(float, fc_any_float)
SUM(double, fc_any_double)

static void sum_block(void *job_, size_t task, size_t worker) {
    const sum_job *job = job_;
    const size_t size = fc_dtype_size(job->dtype), begin = task * job->block;
    void (*sum)(const char *, const char *, char *, size_t) = job->dtype == FC_F64 ? sum_double : sum_float;
    (void)worker;
    if (job->rows == 1) {
        const size_t at = begin * size;
        sum(job->a + at, job->b + at, job->y + at, fc_least(job->row - begin, job->block));
        return;
    }
    for (size_t r = begin; r < fc_least(begin + job->block, job->rows); r++)
        sum(job->a + r * job->row * size, job->b, job->y + r * job->row * size, job->row);
}

fc_status fc_add(fc_dtype dtype, size_t rows, size_t row, const void *a, const void *b, void *y) {
    const ptrdiff_t sizes[] = {(ptrdiff_t)rows, (ptrdiff_t)row, (ptrdiff_t)fc_dtype_size(dtype)};
    size_t bytes;
    if (dtype != FC_F32 && dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(fc_multiply(sizes, 3, &bytes));
    if (!bytes)
        return FC_OK;
    if (!a || !b || !y)
        return FC_BAD_ARGUMENT;
    sum_job job = {dtype, rows, row, rows == 1 ? BLOCK : fc_parts(BLOCK, row), a, b, y};
    const size_t tasks = fc_parts(rows == 1 ? row : rows, job.block);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 12.0 * (double)bytes), sum_block, &job);
    return FC_OK;
}

typedef struct copy_job {
    size_t rows, bytes, from_pitch, to_pitch, block; /* block: rows of a task */
    const char *from;
    char *to;
} copy_job;

static void copy_block(void *job_, size_t task, size_t worker) {
    const copy_job *job = job_;
    (void)worker;
    for (size_t r = task * job->block; r < fc_least((task + 1) * job->block, job->rows); r++)
        memcpy(job->to + r * job->to_pitch, job->from + r * job->from_pitch, job->bytes);
}

fc_status fc_copy_rows(size_t rows, size_t bytes, const void *from, size_t from_pitch, void *to, size_t to_pitch) {
    const ptrdiff_t sizes[] = {(ptrdiff_t)rows, (ptrdiff_t)(from_pitch > to_pitch ? from_pitch : to_pitch)};
    size_t whole;
    FC_TRY(fc_multiply(sizes, 2, &whole));
    if (!rows || !bytes)
        return FC_OK;
    if (!from || !to || from_pitch < bytes || to_pitch < bytes)
        return FC_BAD_ARGUMENT;
    copy_job job = {rows, bytes, from_pitch, to_pitch, fc_parts(COPIED, bytes), from, to};
    const size_t tasks = fc_parts(rows, job.block);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 8.0 * (double)(rows * bytes)), copy_block, &job);
    return FC_OK;
}
