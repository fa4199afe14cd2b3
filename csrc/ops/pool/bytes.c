/* SPDX-License-Identifier: MIT */
/* The largest byte of each window. */
#include "ops/pool/bytes.h"

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/shape.h"
#include "core/size.h"

typedef struct bytes_pool_job {
    const fc_pool2d_params *p;
    fc_most_fn *most;
    ptrdiff_t out_h, out_w, cell; /* cell: channels that lie together */
    const char *x;
    char *y, *scratch;
    size_t worker_bytes;
} bytes_pool_job;

/* Task: one row of windows of one image, or of one channel of it where channels come first. */
static void run_row(void *job_, size_t task, size_t worker) {
    const bytes_pool_job *job = job_;
    const fc_pool2d_params *p = job->p;
    const ptrdiff_t image = (ptrdiff_t)task / job->out_h, i = (ptrdiff_t)task % job->out_h;
    const ptrdiff_t top = i * p->stride_h - p->pad_top, row0 = fc_max(top, 0), row1 = fc_min(top + p->pool_h, p->h);
    const void **cells = (const void **)(job->scratch + worker * job->worker_bytes);
    const char *x = job->x + image * p->h * p->w * job->cell;
    char *y = job->y + ((image * job->out_h + i) * job->out_w) * job->cell;
    for (ptrdiff_t j = 0; j < job->out_w; j++, y += job->cell) {
        const ptrdiff_t left = j * p->stride_w - p->pad_left, col0 = fc_max(left, 0),
                        col1 = fc_min(left + p->pool_w, p->w);
        size_t count = 0;
        for (ptrdiff_t row = row0; row < row1; row++)
            for (ptrdiff_t col = col0; col < col1; col++)
                cells[count++] = x + (row * p->w + col) * job->cell;
        job->most(count, cells, (size_t)job->cell, y);
    }
}

fc_status fc_max_pool2d_bytes(const fc_pool2d_params *p, const void *x, void *y) {
    const fc_kernels *kernels;
    bytes_pool_job job = {.p = p, .cell = p->layout == FC_NHWC ? p->c : 1, .x = x, .y = y};
    FC_TRY(fc_find_kernels(&kernels));
    FC_TRY(fc_pool2d_output_size(p, &job.out_h, &job.out_w));
    if (p->mode != FC_MAX_POOL)
        return FC_BAD_DTYPE;
    const ptrdiff_t images = p->layout == FC_NHWC ? p->n : p->n * p->c;
    if (!images || !job.cell || !job.out_h || !job.out_w)
        return FC_OK;
    if (!x || !y)
        return FC_BAD_ARGUMENT;
    /* A window reads no more cells than an image has, however large it is. */
    const ptrdiff_t rows = fc_min(p->pool_h, p->h), cols = fc_min(p->pool_w, p->w);
    const size_t tasks = (size_t)(images * job.out_h);
    const double cells = (double)tasks * (double)(job.out_w * job.cell) * (double)rows * (double)cols;
    const size_t workers = fc_parallel_workers(tasks, cells);
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, cols, sizeof(void *)}, 3, &job.worker_bytes));
    job.worker_bytes = fc_align_up(job.worker_bytes);
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)job.worker_bytes, (ptrdiff_t)workers}, 2, &bytes));
    job.most = p->dtype == FC_I8 ? kernels->most_i8 : kernels->most_u8;
    job.scratch = fc_scratch_alloc(bytes);
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    fc_parallel_for(tasks, workers, run_row, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}
