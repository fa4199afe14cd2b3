/* SPDX-License-Identifier: MIT */
/*
 * A few rows times a matrix: as fast as the matrix is read. Each task has a part of the depth, so that it reads whole rows of b, one after
 * the other, and sums them up in a row of its own; those are added in order. The parts depend on the shapes alone.
 */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/activation.h"
#include "ops/matrix.h"

enum {
    FEW_ROWS = 4,               /* more are better met by panels of b */
    MOST_PARTS = 16,
    LEAST_PART = 1 << 16        /* numbers of b a task reads */
};

typedef struct sums_job {
    const fc_product *product;
    fc_axpy_fn *axpy;
    size_t size, parts, row_bytes, part_bytes;
    char *sums;                 /* [part][row][cols] */
} sums_job;

int fc_adds_rows(const fc_product *product) {
    return product->rows <= FEW_ROWS && product->depth && !product->a.turned && !product->b.turned;
}

static void add_part(void *job_, size_t part, size_t worker) {
    (void)worker;
    const sums_job *job = job_;
    const fc_product *product = job->product;
    const size_t begin = product->depth * part / job->parts, end = product->depth * (part + 1) / job->parts;
    char *sums = job->sums + part * job->part_bytes;
    memset(sums, 0, job->part_bytes);
    for (size_t k = begin; k < end; k++) {
        const char *b = (const char *)product->b.at + k * product->b.pitch * job->size;
        for (size_t row = 0; row < product->rows; row++)
            job->axpy(product->cols, (const char *)product->a.at + (row * product->a.pitch + k) * job->size, b, 1, sums + row * job->row_bytes);
    }
}

static void finish_row(const sums_job *job, const fc_kernels *kernels, size_t row) {
    static const float one_f32 = 1;
    static const double one_f64 = 1;
    const fc_product *product = job->product;
    const void *one = product->dtype == FC_F64 ? (const void *)&one_f64 : &one_f32;
    fc_activation_fn *activate = fc_activation_kernel(kernels, product->dtype, product->activation);
    char *c = (char *)product->c + row * product->cols * job->size;
    memcpy(c, job->sums + row * job->row_bytes, product->cols * job->size);
    for (size_t part = 1; part < job->parts; part++)
        job->axpy(product->cols, one, job->sums + part * job->part_bytes + row * job->row_bytes, 1, c);
    if (product->bias)
        job->axpy(product->cols, one, product->bias, 1, c);
    if (activate)
        activate(product->cols, product->alpha, c, c);
}

fc_status fc_add_rows(const fc_product *product, const fc_kernels *kernels) {
    const double numbers = (double)product->depth * (double)product->cols;
    const size_t wanted = product->depth / (LEAST_PART / product->cols + 1);
    sums_job job = {.product = product, .size = fc_dtype_size(product->dtype), .parts = fc_least(wanted ? wanted : 1, MOST_PARTS)};
    job.axpy = product->dtype == FC_F64 ? kernels->axpy_f64 : kernels->axpy_f32;
    job.row_bytes = fc_align_up(product->cols * job.size);
    job.part_bytes = product->rows * job.row_bytes;
    job.sums = fc_scratch_alloc(job.parts * job.part_bytes);
    if (!job.sums)
        return FC_OUT_OF_MEMORY;
    fc_parallel_for(job.parts, fc_parallel_workers(job.parts, 4 * numbers * (double)job.size), add_part, &job);
    for (size_t row = 0; row < product->rows; row++)
        finish_row(&job, kernels, row);
    fc_scratch_free(job.sums);
    return FC_OK;
}
