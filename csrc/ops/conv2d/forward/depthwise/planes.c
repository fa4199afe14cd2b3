/* SPDX-License-Identifier: MIT */
/*
 * Depthwise convolution of NCHW tensors. The windows in common use read the image where it lies. For others, and at the
 * ends of the tensor, a band of image rows is staged with its padding in L1, in the compute type: padded column X of a
 * row is element X / stride of its phase X % stride, so that neighbouring outputs read neighbouring elements under any
 * tap.
 */
#include "ops/conv2d/forward/depthwise/depthwise.h"

#include <string.h>

#include "core/cpu.h"
#include "core/scratch.h"
#include "core/size.h"

enum { TASK_CYCLES = 16384 }; /* aimed at for a task: some microseconds */

/* One row as it is staged. */
typedef struct plane_row {
    ptrdiff_t stride;          /* 1 where one output leaves the stride without meaning */
    ptrdiff_t cols;            /* of the image that any window covers */
    ptrdiff_t pitch, elements; /* of a phase, of all */
} plane_row;

static plane_row staged_row(const fc_conv_view *v) {
    plane_row r = {.stride = v->dst.w > 1 ? v->cols.stride : 1};
    const ptrdiff_t padded = (fc_max(v->dst.w, 1) - 1) * r.stride + fc_depthwise_span(&v->cols);
    r.cols = fc_max(fc_min(v->src.w, padded + v->cols.first), 0);
    r.pitch = fc_ceil_div(padded, r.stride) + FC_DEPTHWISE_SLACK;
    r.elements = r.pitch * r.stride;
    return r;
}

static ptrdiff_t rows_of_band(const fc_conv_view *v, ptrdiff_t band) {
    return (band - 1) * v->rows.stride + fc_depthwise_span(&v->rows);
}

/*
 * One worker's memory: a word that says that the pads are zeroed, pointers to the band's rows, the taps' offsets, the
 * phases of a row, a row of zeros and the staged rows, half rows widened, the output not yet narrowed.
 */
enum piece { READY, ROWS, OFFSETS, PHASES, STAGED, WIDE, RESULT, PIECES };
typedef struct planes_scratch {
    size_t at[PIECES + 1];
} planes_scratch;

static planes_scratch lay_out(const fc_conv_view *v, ptrdiff_t band) {
    const plane_row r = staged_row(v);
    const size_t size = fc_depthwise_size(v), rows = (size_t)rows_of_band(v, band);
    const int is_half = fc_is_half(v->dtype);
    const size_t bytes[PIECES] = {
        [READY] = sizeof(int),
        [ROWS] = rows * sizeof(void *),
        [OFFSETS] = (size_t)v->cols.count * sizeof(ptrdiff_t),
        [PHASES] = (size_t)r.stride * sizeof(void *),
        [STAGED] = (rows + 1) * (size_t)r.elements * size,
        [WIDE] = is_half ? rows * (size_t)v->src.w * size : 0,
        [RESULT] = is_half ? (size_t)(band * v->dst.w) * size : 0,
    };
    planes_scratch s = {{0}};
    for (int i = 0; i < PIECES; i++)
        s.at[i + 1] = s.at[i] + fc_align_up(bytes[i]);
    return s;
}

fc_depthwise_cut fc_depthwise_cut_planes(const fc_conv_view *v) {
    const ptrdiff_t planes = v->n * fc_depthwise_channels(v), span = fc_depthwise_span(&v->rows);
    const ptrdiff_t fit = (ptrdiff_t)(fc_caches()->l1 / 2) / (staged_row(v).elements * (ptrdiff_t)fc_depthwise_size(v));
    fc_depthwise_cut c = {.band = fc_max((fit - span) / v->rows.stride, fc_ceil_div(span, v->rows.stride))};
    c.band = fc_max(fc_min(c.band, v->dst.h), 1);
    c.bands = fc_ceil_div(v->dst.h, c.band);
    c.band = fc_max(fc_ceil_div(v->dst.h, fc_max(c.bands, 1)), 1);
    const ptrdiff_t cycles = c.band * fc_ceil_div(v->dst.w, FC_DEPTHWISE_SLACK) * (ptrdiff_t)fc_view_k(v);
    c.chunk = fc_max(fc_min(TASK_CYCLES / fc_max(cycles, 1), planes * c.bands / fc_depthwise_tasks(v)), 1);
    c.chunks = fc_ceil_div(planes, c.chunk);
    c.tasks = (size_t)(c.chunks * c.bands);
    c.worker_bytes = lay_out(v, c.band).at[PIECES];
    return c;
}

/* A task: a band of output rows, [row, row + rows), of some planes. */
typedef struct planes_band {
    const fc_depthwise_job *job;
    plane_row layout;
    char *piece[PIECES];
    ptrdiff_t row, rows;
} planes_band;

static void prepare(const planes_band *b) {
    const fc_conv_view *v = b->job->view;
    int *ready = (int *)b->piece[READY];
    ptrdiff_t *offsets = (ptrdiff_t *)b->piece[OFFSETS];
    if (*ready)
        return;
    *ready = 1;
    for (ptrdiff_t t = 0; t < v->cols.count; t++)
        offsets[t] = t * v->cols.step % b->layout.stride * b->layout.pitch + t * v->cols.step / b->layout.stride;
    memset(b->piece[STAGED], 0, (size_t)(b->piece[WIDE] - b->piece[STAGED]));
}

/* `rows` rows of the image from `from` on; the pads beside them stay 0. */
static void stage_rows(const planes_band *b, const char *from, ptrdiff_t rows, char *to) {
    const fc_conv_view *v = b->job->view;
    const fc_kernels *k = b->job->kernels;
    const ptrdiff_t size = (ptrdiff_t)fc_depthwise_size(v), stride = b->layout.stride;
    void **phases = (void **)b->piece[PHASES];
    if (fc_is_half(v->dtype)) {
        fc_widen(k, v->dtype, from, b->piece[WIDE], (size_t)(rows * v->src.w));
        from = b->piece[WIDE];
    }
    for (ptrdiff_t f = 0; f < stride; f++) {
        const ptrdiff_t x = f - v->cols.first;
        phases[f] = to + (x % stride * b->layout.pitch + x / stride) * size;
    }
    (v->dtype == FC_F64 ? k->deinterleave_f64 : k->deinterleave_f32)(&(fc_deinterleave){
        .rows = (size_t)rows,
        .cols = (size_t)b->layout.cols,
        .step = (size_t)stride,
        .x = from,
        .x_pitch = v->src.h_pitch,
        .y = phases,
        .y_pitch = b->layout.elements,
    });
}

/* The staged rows follow a row of zeros, which stands for those outside the image. */
static void stage_band(const planes_band *b, const char *plane) {
    const fc_conv_view *v = b->job->view;
    const ptrdiff_t row_bytes = b->layout.elements * (ptrdiff_t)fc_depthwise_size(v);
    const ptrdiff_t first = b->row * v->rows.stride + v->rows.first, count = rows_of_band(v, b->rows);
    const ptrdiff_t begin = fc_max(first, 0), end = fc_min(first + count, v->src.h);
    const void **rows = (const void **)b->piece[ROWS];
    for (ptrdiff_t s = 0; s < count; s++) {
        const ptrdiff_t row = first + s;
        rows[s] = b->piece[STAGED] + (row < begin || row >= end ? 0 : row - begin + 1) * row_bytes;
    }
    if (begin < end)
        stage_rows(b, plane + begin * v->src.h_pitch * (ptrdiff_t)fc_dtype_size(v->dtype), end - begin,
            b->piece[STAGED] + row_bytes);
}

static void run_plane(const planes_band *b, ptrdiff_t channel, char *y) {
    const fc_depthwise_job *job = b->job;
    const fc_conv_view *v = job->view;
    const size_t size = fc_depthwise_size(v), count = (size_t)(b->rows * v->dst.w);
    const int is_half = fc_is_half(v->dtype);
    char *result = is_half ? b->piece[RESULT] : y;
    (v->dtype == FC_F64 ? job->kernels->depthwise_planes_f64 : job->kernels->depthwise_planes_f32)(
        &(fc_depthwise_planes){
            .k_h = (size_t)v->rows.count,
            .k_w = (size_t)v->cols.count,
            .stride = (size_t)v->rows.stride,
            .dilation = (size_t)v->rows.step,
            .rows = (const void *const *)b->piece[ROWS],
            .offsets = (const ptrdiff_t *)b->piece[OFFSETS],
            .w = job->packed + (size_t)channel * fc_view_k(v) * size,
            .start = job->bias ? job->bias + (size_t)channel * size : NULL,
            .count = (size_t)b->rows,
            .cols = (size_t)v->dst.w,
            .y = result,
            .y_pitch = v->dst.w,
            .relu = fc_is_clamp(job->epilogue->activation),
            .ceiling = fc_ceiling_of(job->epilogue->activation),
        });
    fc_depthwise_activate(job, count, result);
    if (is_half)
        fc_narrow(job->kernels, v->dtype, result, y, count);
}

int fc_depthwise_has_common_window(const fc_conv_view *v) {
    const fc_taps *r = &v->rows, *c = &v->cols;
    const ptrdiff_t widest = 1 << 24; /* columns that a float counts */
    return !fc_is_half(v->dtype) && (c->count == 3 || c->count == 5) && c->stride <= 2 && c->step == 1 &&
        r->count == c->count && r->stride == c->stride && r->step == 1 && c->first > -c->count &&
        (v->dst.w - 1) * c->stride + c->first < v->src.w && v->src.w < widest;
}

/* How many planes of the output from p on, before `end`, one call can make from the image where it lies. */
static ptrdiff_t planes_in_place(const planes_band *b, ptrdiff_t p, ptrdiff_t end) {
    const fc_conv_view *v = b->job->view;
    const ptrdiff_t m = v->dst.c, channels = fc_depthwise_channels(v), pitch = v->src.c_pitch;
    if (!pitch || b->rows < v->rows.count || !fc_depthwise_has_common_window(v))
        return 0; /* no pitch: an image without rows or columns, all padding */
    const ptrdiff_t beyond = fc_ceil_div(FC_DEPTHWISE_REACH, pitch);
    const ptrdiff_t safe_end = (v->n * v->groups - beyond) * m, image_end = (p / channels + 1) * channels;
    if (p / m < beyond)
        return 0;
    return fc_max(0, fc_min(fc_min(end, safe_end), m > 1 ? (p / m + 1) * m : image_end) - p);
}

static void run_in_place(const planes_band *b, ptrdiff_t p, ptrdiff_t planes) {
    const fc_depthwise_job *job = b->job;
    const fc_conv_view *v = job->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype), channel = p % fc_depthwise_channels(v);
    char *y = job->y + (p * v->dst.c_pitch + b->row * v->dst.h_pitch) * size;
    (v->dtype == FC_F64 ? job->kernels->depthwise_image_f64 : job->kernels->depthwise_image_f32)(&(fc_depthwise_image){
        .k = (size_t)v->rows.count,
        .stride = (size_t)v->rows.stride,
        .planes = (size_t)planes,
        .count = (size_t)b->rows,
        .cols = (size_t)v->dst.w,
        .x = job->x + p / v->dst.c * v->src.c_pitch * size,
        .x_plane = v->dst.c > 1 ? 0 : v->src.c_pitch,
        .x_pitch = v->src.h_pitch,
        .first_row = b->row * v->rows.stride + v->rows.first,
        .height = v->src.h,
        .first_col = v->cols.first,
        .width = v->src.w,
        .w = job->packed + (size_t)channel * fc_view_k(v) * (size_t)size,
        .start = job->bias ? job->bias + channel * size : NULL,
        .y = y,
        .y_plane = v->dst.c_pitch,
        .y_pitch = v->dst.h_pitch,
        .relu = fc_is_clamp(job->epilogue->activation),
        .ceiling = fc_ceiling_of(job->epilogue->activation),
    });
    for (ptrdiff_t i = 0; i < planes; i++)
        fc_depthwise_activate(job, (size_t)(b->rows * v->dst.w), y + i * v->dst.c_pitch * size);
}

void fc_depthwise_planes_task(void *job_, size_t task, size_t worker) {
    const fc_depthwise_job *job = job_;
    const fc_conv_view *v = job->view;
    const fc_depthwise_cut *c = &job->cut;
    const planes_scratch scratch = lay_out(v, c->band);
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype), channels = fc_depthwise_channels(v);
    const ptrdiff_t begin = (ptrdiff_t)task / c->bands * c->chunk, end = fc_min(begin + c->chunk, v->n * channels);
    planes_band b = {.job = job, .layout = staged_row(v), .row = (ptrdiff_t)task % c->bands * c->band};
    b.rows = fc_min(c->band, v->dst.h - b.row);
    for (int i = 0; i < PIECES; i++)
        b.piece[i] = job->scratch + c->shared_bytes + worker * c->worker_bytes + scratch.at[i];
    for (ptrdiff_t p = begin, count, staged = -1; p < end; p += fc_max(count, 1)) {
        count = planes_in_place(&b, p, end);
        if (count > 0) {
            run_in_place(&b, p, count);
            continue;
        }
        prepare(&b);
        if (staged != p / v->dst.c) /* the planes of one input channel follow one another */
            stage_band(&b, job->x + p / v->dst.c * v->src.c_pitch * size);
        staged = p / v->dst.c;
        run_plane(&b, p % channels, job->y + (p * v->dst.c_pitch + b.row * v->dst.h_pitch) * size);
    }
}
