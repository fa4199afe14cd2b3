/* SPDX-License-Identifier: MIT */
/*
 * Matrices of more than a few rows; ops/dense/gemv.c has the others. A task is a block of rows of c by a chunk of
 * panels of columns. It goes through the depth in blocks: packs b's part, which L2 keeps, and multiplies it by a's rows
 * where they lie, or from a copy of them. The cuts depend on the shapes alone.
 */
#include "ops/dense/matrix.h"

#include <string.h>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/elementwise/activation.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/gemm/igemm.h"

enum {
    BLOCK_DEPTH = 256, /* a panel and the rows it meets stay in L1 */
    MOST_PANELS = 8,   /* a chunk: with BLOCK_DEPTH, a quarter of a small L2 */
    MOST_ROWS = 160,   /* a block: packing is little beside so many rows */
    LEAST_TASKS = 8,
    SETS_BYTES = 1024 /* rows at a multiple of this share a few sets of L1 */
};

typedef struct product_job {
    const fc_product *product;
    const fc_kernels *kernels;
    fc_activation_fn *activate; /* NULL where the micro-kernel does it, or there is nothing to do */
    size_t size, vectors, height, width, panels, block_depth;
    size_t chunk_panels, chunks, block_rows, tasks;
    size_t panel_bytes, worker_bytes;
    int far, copies_a; /* c is more than L2 holds; a is read from copies, a_pitch apart */
    int b_far;         /* too large to be found in a cache, and not transposed */
    size_t a_pitch;
    char *scratch;
} product_job;

/* What one task works on, in one block of the depth. */
typedef struct piece {
    const product_job *job;
    size_t row, rows, panel, panels;
    size_t depth, depth_begin;
    char *packed_b, *copied_a;
} piece;

static size_t cols_of(const product_job *job, size_t panel) {
    return fc_least(job->width, job->product->cols - panel * job->width);
}

static void pack_b_panel(const piece *p, size_t panel, char *to) {
    const product_job *job = p->job;
    const fc_matrix *b = &job->product->b;
    const size_t size = job->size, col = panel * job->width, cols = cols_of(job, panel), row_bytes = job->width * size;
    if (cols < job->width)
        memset(to, 0, p->depth * row_bytes);
    if (!b->transposed) {
        const char *from = (const char *)b->at + (p->depth_begin * b->pitch + col) * size;
        for (size_t k = 0; k < p->depth; k++)
            memcpy(to + k * row_bytes, from + k * b->pitch * size, cols * size);
        return;
    }
    const void *rows[FC_MAX_TILE_COLS];
    for (size_t j = 0; j < cols; j++)
        rows[j] = (const char *)b->at + ((col + j) * b->pitch + p->depth_begin) * size;
    fc_transpose_of(job->kernels, size)(to, job->width, rows, cols, p->depth);
}

/* All panels of a chunk, row by row of b, which are asked for ahead: b comes from memory. */
static void pack_b_rows(const piece *p) {
    enum { AHEAD = 16 };
    const product_job *job = p->job;
    const fc_matrix *b = &job->product->b;
    const size_t size = job->size, row_bytes = job->width * size, first = p->panel * job->width;
    const size_t bytes = fc_least(p->panels * job->width, job->product->cols - first) * size;
    if (bytes < p->panels * row_bytes)
        memset(p->packed_b + (p->panels - 1) * job->panel_bytes, 0, job->panel_bytes);
    for (size_t k = 0; k < p->depth; k++) {
        const char *from = (const char *)b->at + ((p->depth_begin + k) * b->pitch + first) * size;
        for (size_t line = 0; line < bytes; line += FC_ALIGNMENT)
            __builtin_prefetch(from + AHEAD * b->pitch * size + line, 0, 0);
        for (size_t at = 0, panel = 0; at < bytes; at += row_bytes, panel++)
            memcpy(p->packed_b + panel * job->panel_bytes + k * row_bytes, from + at, fc_least(bytes - at, row_bytes));
    }
}

/* a's rows, transposed or from where they would evict one another. */
static void copy_a(const piece *p) {
    const product_job *job = p->job;
    const fc_matrix *a = &job->product->a;
    const char *from = (const char *)a->at +
        (a->transposed ? p->depth_begin * a->pitch + p->row : p->row * a->pitch + p->depth_begin) * job->size;
    const void *rows[BLOCK_DEPTH];
    for (size_t r = 0; !a->transposed && r < p->rows; r++)
        memcpy(p->copied_a + r * job->a_pitch * job->size, from + r * a->pitch * job->size, p->depth * job->size);
    if (!a->transposed)
        return;
    for (size_t k = 0; k < p->depth; k++)
        rows[k] = from + k * a->pitch * job->size;
    fc_transpose_of(job->kernels, job->size)(p->copied_a, job->a_pitch, rows, p->depth, p->rows);
}

static const char *row_of_a(const piece *p, size_t row) {
    const product_job *job = p->job;
    if (job->copies_a)
        return p->copied_a + row * job->a_pitch * job->size;
    return (const char *)job->product->a.at + ((p->row + row) * job->product->a.pitch + p->depth_begin) * job->size;
}

/* One panel of columns; bias: whole vectors, or NULL. */
static void multiply_panel(const piece *p, size_t panel, const void *bias) {
    const product_job *job = p->job;
    const fc_product *product = job->product;
    const size_t cols = cols_of(job, panel);
    const size_t vectors = cols < job->width ? fc_igemm_narrowest(job->kernels, product->dtype, job->vectors, cols)
                                             : job->vectors;
    const void *rows[FC_MAX_TILE_HEIGHT];
    fc_igemm_block block = {.runs = 1,
        .length = p->depth,
        .a = rows,
        .b = p->packed_b + (panel - p->panel) * job->panel_bytes,
        .b_pitch = job->width,
        .c_pitch = product->cols,
        .cols = cols,
        .start = p->depth_begin ? NULL : bias,
        .accumulate = p->depth_begin > 0,
        .far = job->far,
        .relu = product->activation == FC_RELU && p->depth_begin + p->depth == product->depth};
    const fc_igemm_tile *tile = NULL;
    for (size_t row = 0; row < p->rows; row += block.rows) {
        const size_t height = fc_least(p->rows - row, job->height);
        if (height != block.rows)
            tile = fc_igemm_tile_for(job->kernels, product->dtype, vectors, height);
        block.rows = height;
        for (size_t r = 0; r < tile->height; r++)
            rows[r] = row_of_a(p, row + fc_least(r, block.rows - 1));
        block.c = (char *)product->c + ((p->row + row) * product->cols + panel * job->width) * job->size;
        tile->run(&block);
    }
}

static void multiply_piece(const piece *p) {
    const product_job *job = p->job;
    const fc_product *product = job->product;
    _Alignas(64) char bias[FC_MAX_TILE_COLS * sizeof(double)];
    if (job->copies_a)
        copy_a(p);
    if (job->b_far)
        pack_b_rows(p);
    for (size_t panel = p->panel; panel < p->panel + p->panels; panel++) {
        if (!job->b_far)
            pack_b_panel(p, panel, p->packed_b + (panel - p->panel) * job->panel_bytes);
        if (product->bias && !p->depth_begin) {
            memset(bias, 0, sizeof bias);
            memcpy(bias, (const char *)product->bias + panel * job->width * job->size, cols_of(job, panel) * job->size);
        }
        multiply_panel(p, panel, product->bias ? bias : NULL);
    }
}

static void activate_piece(const piece *p) {
    const product_job *job = p->job;
    const fc_product *product = job->product;
    const size_t col = p->panel * job->width, cols = fc_least(p->panels * job->width, product->cols - col);
    for (size_t row = 0; row < p->rows; row++) {
        char *c = (char *)product->c + ((p->row + row) * product->cols + col) * job->size;
        job->activate(cols, product->alpha, c, c);
    }
}

static void run_task(void *job_, size_t task, size_t worker) {
    const product_job *job = job_;
    const fc_product *product = job->product;
    piece p = {
        .job = job, .row = task / job->chunks * job->block_rows, .panel = task % job->chunks * job->chunk_panels};
    p.packed_b = job->scratch + worker * job->worker_bytes;
    p.copied_a = p.packed_b + job->chunk_panels * job->panel_bytes;
    p.rows = fc_least(job->block_rows, product->rows - p.row);
    p.panels = fc_least(job->chunk_panels, job->panels - p.panel);
    do {
        p.depth = fc_least(job->block_depth, product->depth - p.depth_begin);
        multiply_piece(&p);
        p.depth_begin += p.depth;
    } while (p.depth_begin < product->depth);
    if (job->activate)
        activate_piece(&p);
}

static void cut(product_job *job) {
    const fc_product *product = job->product;
    job->panels = fc_parts(product->cols, job->width);
    job->block_depth = fc_least(product->depth, BLOCK_DEPTH);
    /* Many blocks of rows are tasks enough; the more panels, the less often a's rows are read. */
    const size_t least = fc_parts(product->rows, MOST_ROWS), fewest = fc_parts(LEAST_TASKS, least);
    job->chunk_panels = fc_least(MOST_PANELS, job->panels / fewest ? job->panels / fewest : 1);
    job->chunks = fc_parts(job->panels, job->chunk_panels);
    /* Blocks of about as many rows each: a last one of a few would pack all of b for them. */
    const size_t wanted = fc_least(fc_parts(LEAST_TASKS, job->chunks), fc_parts(product->rows, 2 * job->height));
    const size_t blocks = least > wanted ? least : wanted;
    job->block_rows = fc_parts(fc_parts(product->rows, blocks), job->height) * job->height;
    job->tasks = fc_parts(product->rows, job->block_rows) * job->chunks;
    job->panel_bytes = fc_align_up(job->block_depth * job->width * job->size);
    job->worker_bytes = job->chunk_panels * job->panel_bytes;
    job->copies_a = product->a.transposed || product->a.pitch * job->size % SETS_BYTES == 0;
    job->a_pitch = job->block_depth + (job->block_depth * job->size % SETS_BYTES ? 0 : FC_ALIGNMENT / job->size);
    if (job->copies_a)
        job->worker_bytes += fc_align_up(job->block_rows * job->a_pitch * job->size);
}

fc_status fc_matrix_product(const fc_product *product) {
    const fc_kernels *kernels;
    FC_TRY(fc_find_kernels(&kernels));
    if (!product->rows || !product->cols)
        return FC_OK;
    if (fc_adds_rows(product))
        return fc_add_rows(product, kernels);
    product_job job = {.product = product, .kernels = kernels, .size = fc_dtype_size(product->dtype)};
    if (product->activation != FC_RELU)
        job.activate = fc_activation_kernel(kernels, product->dtype, product->activation);
    job.vectors = fc_igemm_vectors(kernels, product->dtype, product->cols);
    const fc_igemm_tile *tile = fc_igemm_tile_for(kernels, product->dtype, job.vectors, FC_MAX_TILE_HEIGHT);
    job.height = tile->height;
    job.width = tile->width;
    cut(&job);
    job.b_far = !product->b.transposed &&
        (double)product->depth * (double)product->cols * (double)job.size > (double)fc_caches()->l3 / 2;
    job.far = product->rows * product->cols > fc_caches()->l2 / job.size;
    const double moved = (double)job.size *
        ((double)product->rows * (double)(product->depth + product->cols) +
            (double)product->depth * (double)product->cols);
    const double flops = 2.0 * (double)product->rows * (double)product->cols * (double)product->depth;
    const size_t workers = fc_parallel_workers(job.tasks, flops > 4 * moved ? flops : 4 * moved);
    job.scratch = fc_scratch_alloc(workers * job.worker_bytes + FC_ALIGNMENT);
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    fc_parallel_for(job.tasks, workers, run_task, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}
