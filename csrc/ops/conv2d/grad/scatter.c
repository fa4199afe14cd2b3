/* SPDX-License-Identifier: MIT */
/*
 * The input gradient for few input channels: each output pixel's dy times the kernel gives what it adds to its whole
 * window, (taps, c_in) numbers that lie together in dx. Gathering instead would pack every dy once a tap to fill a tile
 * of c_in rows. Tasks are bands of input rows, so that no two add to the same place; a band sees the output rows that
 * reach into it.
 */
#include "ops/conv2d/grad/scatter.h"

#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/forward/packed/packed.h"

enum { MOST_CHANNELS = 12, BAND_BYTES = 128 << 10 };

typedef struct scatter_job {
    fc_conv_view forward, product; /* product: dy (1 x 1) to the windows, (taps, c_in) channels */
    fc_packed_blocking blocking;
    fc_axpy_fn *axpy;
    ptrdiff_t size, span_h, band, bands, rows; /* rows: of the output, multiplied at a time */
    size_t worker_bytes;
    const char *dy, *packed;
    char *dx, *scratch;
    fc_status *statuses; /* a task each */
} scatter_job;

int fc_scatter_supports(const fc_conv2d_params *p) {
    return p->layout == FC_NHWC && p->groups == 1 && p->c_in <= MOST_CHANNELS && p->k_h * p->k_w > 1 &&
        (p->dtype == FC_F32 || p->dtype == FC_F64);
}

/* Adds one output pixel's window row to row ih of dx; columns outside the image fall away. */
static void add_window_row(const scatter_job *job, const char *window, char *dx_row, ptrdiff_t col) {
    const fc_taps *cols = &job->forward.cols;
    const ptrdiff_t c = job->forward.src.c, w = job->forward.src.w;
    const double one_f64 = 1;
    const float one_f32 = 1;
    const void *one = job->size == 8 ? (const void *)&one_f64 : (const void *)&one_f32;
    if (cols->step == 1) {
        ptrdiff_t begin = fc_max(-col, 0), end = fc_min(w - col, cols->count);
        if (begin < end)
            job->axpy((size_t)((end - begin) * c), one, window + begin * c * job->size, 1,
                dx_row + (col + begin) * c * job->size);
        return;
    }
    for (ptrdiff_t t = 0; t < cols->count; t++, col += cols->step)
        if (col >= 0 && col < w)
            job->axpy((size_t)c, one, window + t * c * job->size, 1, dx_row + col * c * job->size);
}

static void add_output_row(
    const scatter_job *job, const char *windows, ptrdiff_t out_row, ptrdiff_t from, ptrdiff_t to, char *image) {
    const fc_conv_view *v = &job->forward;
    const ptrdiff_t window_row = v->cols.count * v->src.c * job->size,
                    apart = fc_min((v->cols.count - 1) * v->cols.step / v->cols.stride + 1, v->dst.w);
    for (ptrdiff_t s = 0; s < v->rows.count; s++) {
        ptrdiff_t row = out_row * v->rows.stride + v->rows.first + s * v->rows.step;
        if (row < from || row >= to)
            continue;
        /* Windows that overlap are kept apart in time: a load right behind an overlapping store would wait for it. */
        for (ptrdiff_t phase = 0; phase < apart; phase++)
            for (ptrdiff_t j = phase; j < v->dst.w; j += apart)
                add_window_row(job, windows + (j * v->rows.count + s) * window_row,
                    image + row * v->src.h_pitch * job->size, j * v->cols.stride + v->cols.first);
    }
}

static void run_band(void *job_, size_t task, size_t worker) {
    const scatter_job *job = job_;
    const fc_conv_view *v = &job->forward;
    const ptrdiff_t n = (ptrdiff_t)task / job->bands, from = (ptrdiff_t)task % job->bands * job->band,
                    to = fc_min(from + job->band, v->src.h);
    char *image = job->dx + n * v->src.n_pitch * job->size, *windows = job->scratch + worker * job->worker_bytes;
    memset(image + from * v->src.h_pitch * job->size, 0, (size_t)((to - from) * v->src.h_pitch * job->size));
    const ptrdiff_t reach = from - v->rows.first - job->span_h + 1, last = to - 1 - v->rows.first;
    const ptrdiff_t first_row = reach > 0 ? fc_ceil_div(reach, v->rows.stride) : 0;
    const ptrdiff_t end_row = last < 0 ? 0 : fc_min(last / v->rows.stride + 1, v->dst.h);
    for (ptrdiff_t row = first_row; row < end_row; row += job->rows) {
        fc_conv_view product = job->product;
        product.dst.h = product.src.h = fc_min(job->rows, end_row - row);
        fc_status status = fc_packed_run(&job->blocking, &product, job->packed,
            job->dy + (n * v->dst.n_pitch + row * v->dst.h_pitch) * job->size, windows,
            &(fc_epilogue){.activation = FC_LINEAR});
        if (status != FC_OK) {
            job->statuses[task] = status;
            return;
        }
        for (ptrdiff_t i = 0; i < product.dst.h; i++)
            add_output_row(job, windows + i * product.dst.h_pitch * job->size, row + i, from, to, image);
    }
}

/* A convolution by a 1 x 1 kernel W[o][(tap, c)] of one image, whose rows come and go. */
static void make_product(scatter_job *job) {
    const fc_conv_view *v = &job->forward;
    const ptrdiff_t outs = (ptrdiff_t)fc_view_k(v);
    job->product = (fc_conv_view){
        .dtype = v->dtype,
        .n = 1,
        .groups = 1,
        .src = v->dst,
        .rows = {1, 0, 1, 1},
        .cols = {1, 0, 1, 1},
        .dst = {.h = v->dst.h,
            .w = v->dst.w,
            .c = outs,
            .n_pitch = v->dst.h * v->dst.w * outs,
            .h_pitch = v->dst.w * outs,
            .w_pitch = outs,
            .c_pitch = 1,
            .group_pitch = outs,
            .layout = FC_NHWC},
        .w_row_pitch = 0,
        .w_col_pitch = 0,
        .w_c_pitch = 1,
        .w_out_pitch = v->dst.c,
        .w_group_pitch = 0,
    };
    const ptrdiff_t row_bytes = v->dst.w * outs * job->size;
    job->rows = fc_min(fc_max((ptrdiff_t)(fc_caches()->l2 / 4) / fc_max(row_bytes, 1), 1), fc_max(v->dst.h, 1));
    job->worker_bytes = fc_align_up((size_t)(job->rows * row_bytes));
    job->band = fc_max(
        fc_min(fc_max(BAND_BYTES / fc_max(v->src.h_pitch * job->size, 1), 4 * job->span_h), v->src.h), 1);
    job->bands = fc_ceil_div(v->src.h, job->band);
}

static fc_status run_bands(scatter_job *job, const void *kernel) {
    const size_t tasks = (size_t)(job->forward.n * job->bands);
    const size_t workers = fc_parallel_workers(tasks,
        2.0 * (double)fc_view_pixels(&job->forward) * (double)fc_view_k(&job->forward) * (double)job->forward.dst.c);
    size_t packed_bytes;
    FC_TRY(fc_packed_bytes(&job->blocking, &job->product, &packed_bytes));
    const size_t status_bytes = fc_align_up(tasks * sizeof(fc_status));
    char *memory = fc_scratch_alloc(fc_align_up(packed_bytes) + status_bytes + workers * job->worker_bytes);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    job->packed = memory;
    job->statuses = (fc_status *)(memory + fc_align_up(packed_bytes));
    job->scratch = (char *)job->statuses + status_bytes;
    fc_packed_pack(&job->blocking, &job->product, kernel, NULL, memory);
    for (size_t i = 0; i < tasks; i++)
        job->statuses[i] = FC_OK;
    fc_parallel_for(tasks, workers, run_band, job);
    fc_status status = FC_OK;
    for (size_t i = 0; i < tasks && status == FC_OK; i++)
        status = job->statuses[i];
    fc_scratch_free(memory);
    return status;
}

fc_status fc_scatter_input_grad(const fc_layer *layer, const void *dy, const void *kernel, void *dx) {
    const fc_kernels *kernels = layer->kernels;
    const fc_conv_view *v = &layer->view;
    scatter_job job = {.forward = *v,
        .dy = dy,
        .dx = dx,
        .size = (ptrdiff_t)fc_dtype_size(v->dtype),
        .axpy = v->dtype == FC_F64 ? kernels->axpy_f64 : kernels->axpy_f32};
    job.span_h = (v->rows.count - 1) * v->rows.step + 1;
    if (!v->src.h)
        return FC_OK;
    make_product(&job);
    job.blocking = fc_packed_choose(kernels, &job.product);
    return run_bands(&job, kernel);
}
