/* SPDX-License-Identifier: MIT */
/*
 * A few rows times a matrix: as fast as the matrix is read. Each task has a part of the depth, whose rows of b it reads
 * from end to end and sums up in rows of its own; those are added in order. The parts depend on the shapes alone.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/elementwise/activation.h"
#include "ops/dense/matrix.h"

enum {
    FEW_ROWS = 12,     /* more are better met by panels of b, */
    FEW_ROWS_FAR = 16, /* and of one that comes from memory so many */
    MOST_PARTS = 16,
    LEAST_PART = 1 << 16, /* numbers of b a task reads */
    BLOCK_COLS = 64,      /* the least columns summed at a time */
    FINISHED_COLS = 1024  /* that a task finishes: few enough for more than one where there is one row */
};

typedef struct sums_job {
    const fc_product *product;
    const fc_kernels *kernels;
    fc_gemv_fn *add_up;
    size_t size, depth, parts, row_bytes, part_bytes; /* depth: rows of b a part */
    size_t block_cols;                                /* columns summed at a time */
    size_t pieces;                                    /* of a row that is finished */
    size_t fresh_bytes; /* of a worker: the sums of the rows of b that are added up next */
    int b_far;
    char *sums, *fresh; /* [part][row][cols]; a worker's part each */
} sums_job;

/* Too large to be found in a cache the next time. */
static int is_far(const fc_product *product) {
    return (double)product->depth * (double)product->cols * (double)fc_dtype_size(product->dtype) >
        (double)fc_caches()->l3 / 4;
}

int fc_adds_rows(const fc_product *product) {
    return product->rows <= (is_far(product) ? FEW_ROWS_FAR : FEW_ROWS) && product->depth && !product->a.transposed &&
        !product->b.transposed;
}

static fc_axpy_fn *axpy_of(const sums_job *job) {
    return job->product->dtype == FC_F64 ? job->kernels->axpy_f64 : job->kernels->axpy_f32;
}

static const void *one_of(const sums_job *job) {
    static const float one_f32 = 1;
    static const double one_f64 = 1;
    return job->product->dtype == FC_F64 ? (const void *)&one_f64 : &one_f32;
}

/* The first rows of b into the part's sums, the others aside, in chains no longer than FC_CHAIN, and then added to
 * them. */
static void add_block(const sums_job *job, size_t part, size_t k, size_t depth, size_t col, size_t cols, char *fresh) {
    const fc_product *product = job->product;
    const size_t begin = part * job->depth + k;
    char *sums = job->sums + part * job->part_bytes + col * job->size;
    job->add_up(&(fc_gemv){.rows = product->rows,
        .cols = cols,
        .depth = depth,
        .a = (const char *)product->a.at + begin * job->size,
        .a_pitch = product->a.pitch,
        .b = (const char *)product->b.at + (begin * product->b.pitch + col) * job->size,
        .b_pitch = product->b.pitch,
        .c = k ? fresh : sums,
        .c_pitch = job->row_bytes / job->size,
        .b_far = job->b_far});
    for (size_t row = 0; k && row < product->rows; row++)
        axpy_of(job)(cols, one_of(job), fresh + row * job->row_bytes, 1, sums + row * job->row_bytes);
}

/* Whole rows of b, as long as the sums stay in L1; else pieces of them for which they do. */
static void add_part(void *job_, size_t part, size_t worker) {
    const sums_job *job = job_;
    const fc_product *product = job->product;
    const size_t all = fc_least(product->depth - part * job->depth, job->depth);
    const size_t most = job->block_cols;
    for (size_t k = 0; k < all; k += FC_CHAIN)
        for (size_t col = 0; col < product->cols; col += most)
            add_block(job, part, k, fc_least(all - k, FC_CHAIN), col, fc_least(product->cols - col, most),
                job->fresh + worker * job->fresh_bytes);
}

/* Some columns of a row: the parts' sums, the bias, the activation. */
static void finish_piece(void *job_, size_t task, size_t worker) {
    (void)worker;
    const sums_job *job = job_;
    const fc_product *product = job->product;
    const size_t row = task / job->pieces, col = task % job->pieces * FINISHED_COLS,
                 cols = fc_least(product->cols - col, FINISHED_COLS);
    fc_axpy_fn *axpy = axpy_of(job);
    fc_activation_fn *activate = fc_activation_kernel(job->kernels, product->dtype, product->activation);
    const char *sums = job->sums + row * job->row_bytes + col * job->size;
    char *c = (char *)product->c + (row * product->cols + col) * job->size;
    memcpy(c, sums, cols * job->size);
    for (size_t part = 1; part < job->parts; part++)
        axpy(cols, one_of(job), sums + part * job->part_bytes, 1, c);
    if (product->bias)
        axpy(cols, one_of(job), (const char *)product->bias + col * job->size, 1, c);
    if (activate)
        activate(cols, product->alpha, c, c);
}

fc_status fc_add_rows(const fc_product *product, const fc_kernels *kernels) {
    const double numbers = (double)product->depth * (double)product->cols, rows = (double)product->rows;
    const size_t wanted = product->depth / (LEAST_PART / product->cols + 1),
                 parts = fc_least(wanted ? wanted : 1, MOST_PARTS);
    sums_job job = {.product = product, .kernels = kernels, .size = fc_dtype_size(product->dtype)};
    job.add_up = product->dtype == FC_F64 ? kernels->gemv_f64 : kernels->gemv_f32;
    job.depth = fc_parts(fc_parts(product->depth, parts), FC_GEMV_DEPTH) * FC_GEMV_DEPTH;
    job.parts = fc_parts(product->depth, job.depth);
    job.row_bytes = fc_odd_lines(product->cols, job.size) * job.size;
    job.part_bytes = product->rows * job.row_bytes;
    const size_t fit = fc_caches()->l1 / 2 / (product->rows * job.size) / BLOCK_COLS * BLOCK_COLS;
    job.block_cols = job.part_bytes <= fc_caches()->l1 ? product->cols : fit ? fit : BLOCK_COLS;
    job.b_far = is_far(product);
    const double read = 4 * numbers * (double)job.size, flops = 2 * numbers * rows;
    const size_t workers = fc_parallel_workers(job.parts, read > flops ? read : flops);
    job.fresh_bytes = job.depth > FC_CHAIN
        ? fc_least(fc_align_up(job.block_cols * job.size) + (product->rows - 1) * job.row_bytes, job.part_bytes)
        : 0;
    job.sums = fc_scratch_alloc(job.parts * job.part_bytes + workers * job.fresh_bytes);
    if (!job.sums)
        return FC_OUT_OF_MEMORY;
    job.fresh = job.sums + job.parts * job.part_bytes;
    fc_parallel_for(job.parts, workers, add_part, &job);
    job.pieces = fc_parts(product->cols, FINISHED_COLS);
    const size_t tasks = product->rows * job.pieces;
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 8 * (double)(job.parts * job.part_bytes)), finish_piece, &job);
    fc_scratch_free(job.sums);
    return FC_OK;
}
