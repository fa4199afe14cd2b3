/* SPDX-License-Identifier: MIT */
/*
 * A few rows times a matrix: as fast as the matrix is read. Each task has a part of the depth, so that it reads whole rows of b, some side
 * by side, and sums them up in rows of its own; those are added in order. The parts depend on the shapes alone.
 */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/activation.h"
#include "ops/algo/rows.h"
#include "ops/matrix.h"

enum {
    FEW_ROWS = 16,              /* more are better met by panels of b */
    BLOCK_DEPTH = 16,           /* rows of b read side by side */
    MOST_PARTS = 16,
    LEAST_PART = 1 << 16,       /* numbers of b a task reads */
    LINE = 64
};

typedef struct sums_job {
    const fc_product *product;
    const fc_kernels *kernels;
    size_t size, vectors, width, height, parts, row_bytes, part_bytes;
    char *sums;                 /* [part][row][cols] */
} sums_job;

/* Some rows of b, from depth k on, what they are multiplied by, side by side as a's rows may share their sets of L1, and the sums. */
typedef struct rows_of_b {
    size_t k, depth;
    int accumulate;
    char *sums;
    _Alignas(64) char a[FEW_ROWS][BLOCK_DEPTH * sizeof(double)];
} rows_of_b;

int fc_adds_rows(const fc_product *product) {
    return product->rows <= FEW_ROWS && product->depth && !product->a.turned && !product->b.turned;
}

static void multiply_cols(const sums_job *job, const rows_of_b *at, size_t col, size_t cols, const void *b, size_t b_pitch, size_t vectors) {
    const fc_product *product = job->product;
    const void *rows[FC_MAX_TILE_HEIGHT];
    fc_rows_block block = {.runs = 1, .length = at->depth, .a = rows, .b = b, .b_pitch = b_pitch, .c_pitch = job->row_bytes / job->size,
        .cols = cols, .accumulate = at->accumulate};
    for (size_t row = 0; row < product->rows; row += block.rows) {
        block.rows = fc_least(product->rows - row, job->height);
        const fc_rows_tile *tile = fc_rows_tile_for(job->kernels, product->dtype, vectors, block.rows);
        for (size_t r = 0; r < tile->height; r++)
            rows[r] = at->a[row + fc_least(r, block.rows - 1)];
        block.c = at->sums + row * job->row_bytes + col * job->size;
        tile->run(&block);
    }
}

/* The last columns, fewer than a tile has: b must not be read beyond them. */
static void multiply_rest(const sums_job *job, const rows_of_b *at, size_t col, size_t cols) {
    const fc_product *product = job->product;
    _Alignas(64) char copy[BLOCK_DEPTH * FC_MAX_TILE_COLS * sizeof(double)];
    const size_t vectors = fc_rows_narrowest(job->kernels, product->dtype, job->vectors, cols), row = job->width * job->size;
    memset(copy, 0, at->depth * row);
    for (size_t k = 0; k < at->depth; k++)
        memcpy(copy + k * row, (const char *)product->b.at + ((at->k + k) * product->b.pitch + col) * job->size, cols * job->size);
    multiply_cols(job, at, col, cols, copy, job->width, vectors);
}

static void multiply_block(const sums_job *job, const rows_of_b *at, size_t next_depth) {
    const fc_product *product = job->product;
    const size_t pitch = product->b.pitch * job->size, whole = product->cols / job->width * job->width;
    const char *b = (const char *)product->b.at + at->k * pitch;
    for (size_t col = 0; col < whole; col += job->width) {
        const char *here = b + col * job->size;
        for (size_t k = at->depth; k < at->depth + next_depth; k++)
            for (size_t line = 0; line < job->width * job->size; line += LINE)
                __builtin_prefetch(here + k * pitch + line, 0, 2);
        multiply_cols(job, at, col, job->width, here, product->b.pitch, job->vectors);
    }
    if (whole < product->cols)
        multiply_rest(job, at, whole, product->cols - whole);
}

static void add_part(void *job_, size_t part, size_t worker) {
    (void)worker;
    const sums_job *job = job_;
    const fc_product *product = job->product;
    const size_t begin = product->depth * part / job->parts, end = product->depth * (part + 1) / job->parts;
    rows_of_b at = {.sums = job->sums + part * job->part_bytes};
    for (size_t k = begin; k < end; k += at.depth) {
        at.k = k;
        at.depth = fc_least(end - k, BLOCK_DEPTH);
        at.accumulate = k > begin;
        for (size_t row = 0; row < product->rows; row++)
            memcpy(at.a[row], (const char *)product->a.at + (row * product->a.pitch + k) * job->size, at.depth * job->size);
        multiply_block(job, &at, fc_least(end - k - at.depth, BLOCK_DEPTH));
    }
}

static void finish_row(void *job_, size_t row, size_t worker) {
    (void)worker;
    static const float one_f32 = 1;
    static const double one_f64 = 1;
    const sums_job *job = job_;
    const fc_product *product = job->product;
    const int is_double = product->dtype == FC_F64;
    const void *one = is_double ? (const void *)&one_f64 : &one_f32;
    fc_axpy_fn *axpy = is_double ? job->kernels->axpy_f64 : job->kernels->axpy_f32;
    fc_activation_fn *activate = fc_activation_kernel(job->kernels, product->dtype, product->activation);
    char *c = (char *)product->c + row * product->cols * job->size;
    memcpy(c, job->sums + row * job->row_bytes, product->cols * job->size);
    for (size_t part = 1; part < job->parts; part++)
        axpy(product->cols, one, job->sums + part * job->part_bytes + row * job->row_bytes, 1, c);
    if (product->bias)
        axpy(product->cols, one, product->bias, 1, c);
    if (activate)
        activate(product->cols, product->alpha, c, c);
}

fc_status fc_add_rows(const fc_product *product, const fc_kernels *kernels) {
    const double numbers = (double)product->depth * (double)product->cols, rows = (double)product->rows;
    const size_t wanted = product->depth / (LEAST_PART / product->cols + 1);
    sums_job job = {.product = product, .kernels = kernels, .size = fc_dtype_size(product->dtype), .parts = fc_least(wanted ? wanted : 1, MOST_PARTS)};
    job.vectors = fc_rows_vectors(kernels, product->dtype, product->cols);
    const fc_rows_tile *tile = fc_rows_tile_for(kernels, product->dtype, job.vectors, FC_MAX_TILE_HEIGHT);
    job.width = tile->width;
    job.height = tile->height;
    job.row_bytes = fc_odd_lines(product->cols, job.size) * job.size;
    job.part_bytes = product->rows * job.row_bytes;
    job.sums = fc_scratch_alloc(job.parts * job.part_bytes);
    if (!job.sums)
        return FC_OUT_OF_MEMORY;
    const double read = 4 * numbers * (double)job.size, flops = 2 * numbers * rows;
    fc_parallel_for(job.parts, fc_parallel_workers(job.parts, read > flops ? read : flops), add_part, &job);
    fc_parallel_for(product->rows, fc_parallel_workers(product->rows, 4 * (double)(job.parts * job.part_bytes)), finish_row, &job);
    fc_scratch_free(job.sums);
    return FC_OK;
}
