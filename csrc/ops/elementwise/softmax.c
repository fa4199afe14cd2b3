/* SPDX-License-Identifier: MIT */
/*
 * Softmax over the middle axis of (outer, axis, inner): whole rows where inner is 1, else panels of columns. Rows whose
 * results are together too large to stay in cache are made in L1 and copied past it.
 */
#include <stdint.h>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/dtype.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"

enum {
    PANEL = 64,              /* columns of a task where inner > 1: whole cache lines of every row */
    TASK_ELEMENTS = 8192,    /* elements of a task where inner == 1, at least a row */
    STREAMED_ELEMENTS = 1024 /* made before they are copied past the caches, at least a row */
};

typedef struct softmax_job {
    const fc_kernels *kernels;
    fc_dtype dtype;
    size_t outer, axis, inner, width;
    size_t rows, panels;   /* rows of a task; panels of an outer index */
    const char *from, *dy; /* x, or y and dy */
    char *to;
    fc_convert_fn *widen, *narrow; /* NULL for float and double */
    size_t streamed_rows;  /* rows copied past the caches at a time, 0 where results stay in them and for halves */
    char *scratch;         /* of every worker: for halves from, dy, to, else streamed rows */
    size_t scratch_floats; /* of one of the three */
} softmax_job;

static void run_rows(const softmax_job *job, size_t rows, const void *from, const void *dy, void *to) {
    const fc_kernels *k = job->kernels;
    if (dy)
        (job->dtype == FC_F64 ? k->softmax_grad_f64 : k->softmax_grad_f32)(rows, job->axis, from, dy, to);
    else
        (job->dtype == FC_F64 ? k->softmax_f64 : k->softmax_f32)(rows, job->axis, from, to);
}

static void run_panel(
    const softmax_job *job, size_t pitch, size_t columns, const void *from, const void *dy, void *to) {
    const fc_kernels *k = job->kernels;
    if (dy)
        (job->dtype == FC_F64 ? k->softmax_grad_panel_f64 : k->softmax_grad_panel_f32)(
            job->axis, pitch, columns, from, dy, to);
    else
        (job->dtype == FC_F64 ? k->softmax_panel_f64 : k->softmax_panel_f32)(job->axis, pitch, columns, from, to);
}

/* rows of float or double, in the worker's scratch and then past the caches. */
static void stream_rows(
    const softmax_job *job, size_t rows, const char *from, const char *dy, char *to, char *scratch) {
    const size_t bytes = job->axis * job->width;
    for (size_t r = 0; r < rows; r += job->streamed_rows) {
        const size_t some = rows - r < job->streamed_rows ? rows - r : job->streamed_rows;
        run_rows(job, some, from + r * bytes, dy ? dy + r * bytes : NULL, scratch);
        job->kernels->stream(to + r * bytes, scratch, some * bytes);
    }
    job->kernels->stream_end();
}

static void rows_task(void *job_, size_t task, size_t worker) {
    const softmax_job *job = job_;
    size_t begin = task * job->rows, rows = job->outer - begin < job->rows ? job->outer - begin : job->rows;
    size_t offset = begin * job->axis * job->width, n = rows * job->axis;
    const char *from = job->from + offset, *dy = job->dy ? job->dy + offset : NULL;
    char *to = job->to + offset;
    if (job->streamed_rows) {
        stream_rows(job, rows, from, dy, to, job->scratch + worker * job->scratch_floats * sizeof(float));
        return;
    }
    if (!job->widen) {
        run_rows(job, rows, from, dy, to);
        return;
    }
    float *wide = (float *)job->scratch + worker * 3 * job->scratch_floats;
    float *wide_dy = dy ? wide + job->scratch_floats : NULL, *wide_to = wide + 2 * job->scratch_floats;
    job->widen(from, wide, n);
    if (dy)
        job->widen(dy, wide_dy, n);
    run_rows(job, rows, wide, wide_dy, wide_to);
    job->narrow(wide_to, to, n);
}

static void panel_task(void *job_, size_t task, size_t worker) {
    const softmax_job *job = job_;
    size_t column = task % job->panels * PANEL, columns = job->inner - column < PANEL ? job->inner - column : PANEL;
    size_t offset = (task / job->panels * job->axis * job->inner + column) * job->width;
    const char *from = job->from + offset, *dy = job->dy ? job->dy + offset : NULL;
    char *to = job->to + offset;
    if (!job->widen) {
        run_panel(job, job->inner, columns, from, dy, to);
        return;
    }
    float *wide = (float *)job->scratch + worker * 3 * job->scratch_floats;
    float *wide_dy = dy ? wide + job->scratch_floats : NULL, *wide_to = wide + 2 * job->scratch_floats;
    size_t pitch = job->inner * job->width;
    for (size_t k = 0; k < job->axis; k++) {
        job->widen(from + k * pitch, wide + k * PANEL, columns);
        if (dy)
            job->widen(dy + k * pitch, wide_dy + k * PANEL, columns);
    }
    run_panel(job, PANEL, columns, wide, wide_dy, wide_to);
    for (size_t k = 0; k < job->axis; k++)
        job->narrow(wide_to + k * PANEL, to + k * pitch, columns);
}

static fc_status allocate(softmax_job *job, size_t workers) {
    if (!job->widen && !job->streamed_rows)
        return FC_OK;
    size_t bytes;
    const size_t rows = job->streamed_rows ? job->streamed_rows * job->width / sizeof(float) : job->rows;
    const ptrdiff_t floats[] = {(ptrdiff_t)job->axis, job->inner == 1 ? (ptrdiff_t)rows : PANEL};
    FC_TRY(fc_multiply(floats, 2, &job->scratch_floats));
    const ptrdiff_t all[] = {(ptrdiff_t)job->scratch_floats, (ptrdiff_t)workers, (job->widen ? 3 : 1) * sizeof(float)};
    FC_TRY(fc_multiply(all, 3, &bytes));
    job->scratch = fc_scratch_alloc(bytes);
    return job->scratch ? FC_OK : FC_OUT_OF_MEMORY;
}

static fc_status softmax(
    fc_dtype dtype, size_t outer, size_t axis, size_t inner, const void *from, const void *dy, void *to) {
    const fc_kernels *kernels;
    if (dtype != FC_F16 && dtype != FC_BF16 && dtype != FC_F32 && dtype != FC_F64)
        return FC_BAD_DTYPE;
    const ptrdiff_t factors[] = {(ptrdiff_t)outer, (ptrdiff_t)axis, (ptrdiff_t)inner, (ptrdiff_t)fc_dtype_size(dtype)};
    size_t bytes;
    FC_TRY(fc_multiply(factors, 4, &bytes));
    if (!bytes)
        return FC_OK;
    if (!from || !to)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_find_kernels(&kernels));
    softmax_job job = {
        .kernels = kernels,
        .dtype = dtype,
        .outer = outer,
        .axis = axis,
        .inner = inner,
        .width = fc_dtype_size(dtype),
        .from = from,
        .dy = dy,
        .to = to,
        .rows = axis < TASK_ELEMENTS ? TASK_ELEMENTS / axis : 1,
        .panels = (inner + PANEL - 1) / PANEL,
        .widen = fc_widen_kernel(kernels, dtype),
        .narrow = fc_narrow_kernel(kernels, dtype),
    };
    if (inner == 1 && !job.widen && bytes > fc_caches()->l3 / 3 * (dy ? 2 : 3) && to != from && to != dy)
        job.streamed_rows = axis < STREAMED_ELEMENTS ? STREAMED_ELEMENTS / axis : 1;
    size_t tasks = inner == 1 ? (outer + job.rows - 1) / job.rows : outer * job.panels;
    size_t workers = fc_parallel_workers(tasks, 32.0 * (double)(bytes / job.width));
    FC_TRY(allocate(&job, workers));
    fc_parallel_for(tasks, workers, inner == 1 ? rows_task : panel_task, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}

fc_status fc_softmax(fc_dtype dtype, size_t outer, size_t axis, size_t inner, const void *x, void *y) {
    return softmax(dtype, outer, axis, inner, x, NULL, y);
}

fc_status fc_softmax_grad(
    fc_dtype dtype, size_t outer, size_t axis, size_t inner, const void *y, const void *dy, void *dx) {
    return dy || !outer || !axis || !inner ? softmax(dtype, outer, axis, inner, y, dy, dx) : FC_BAD_ARGUMENT;
}
