/* SPDX-License-Identifier: MIT */
/*
 * Depthwise convolution of NHWC tensors. The kernels read rows of the image where they lie; a row outside it is one of
 * zeros. Where the image is not what the kernels read (half types, several output channels for one input channel), a
 * ring of rows is converted into scratch.
 */
#include "ops/conv2d/forward/depthwise/depthwise.h"

#include "core/cpu.h"
#include "core/scratch.h"
#include "core/size.h"

enum { MOST_ROWS = 16, FEWEST_CHANNELS = 64 };

static int is_staged(const fc_conv_view *v) { return fc_is_half(v->dtype) || v->dst.c > 1; }
/* Neighbouring output rows read neighbouring input rows. */
static int has_pairs(const fc_conv_view *v) { return v->rows.stride == 1 && v->rows.step == 1; }
static ptrdiff_t ring_rows(const fc_conv_view *v) { return fc_depthwise_span(&v->rows) + 1; }

/* One worker's memory: pointers to rows, staged rows, a row widened but not repeated, an output row not yet narrowed.
 */
enum piece { ROWS, RING, RAW, RESULT, PIECES };
typedef struct cells_scratch {
    size_t at[PIECES + 1];
} cells_scratch;

static cells_scratch lay_out(const fc_conv_view *v, ptrdiff_t chunk) {
    const size_t size = fc_depthwise_size(v), taps = (size_t)v->rows.count + 1;
    const int is_half = fc_is_half(v->dtype);
    const size_t bytes[PIECES] = {
        [ROWS] = taps * sizeof(void *),
        [RING] = is_staged(v) ? (size_t)(ring_rows(v) * v->src.w * chunk) * size : 0,
        [RAW] = is_half && v->dst.c > 1 ? (size_t)(v->src.w * (chunk / v->dst.c)) * size : 0,
        [RESULT] = is_half ? (size_t)(v->dst.w * chunk) * size : 0,
    };
    cells_scratch s = {{0}};
    for (int i = 0; i < PIECES; i++)
        s.at[i + 1] = s.at[i] + fc_align_up(bytes[i]);
    return s;
}

/* Channels that a task takes at most: all, or as many as keep the ring in L2. */
static ptrdiff_t most_channels(const fc_conv_view *v) {
    const ptrdiff_t channels = fc_depthwise_channels(v), m = v->dst.c;
    if (!is_staged(v))
        return channels;
    const ptrdiff_t fit = (ptrdiff_t)(fc_caches()->l2 / 2) /
        (ring_rows(v) * v->src.w * (ptrdiff_t)fc_depthwise_size(v) + 1);
    return fc_min(fc_max(fc_max(fit, FEWEST_CHANNELS) / m, 1) * m, channels);
}

fc_depthwise_cut fc_depthwise_cut_cells(const fc_conv_view *v) {
    const ptrdiff_t channels = fc_depthwise_channels(v), m = v->dst.c, rows = v->n * v->dst.h;
    fc_depthwise_cut c = {
        .band = fc_min(fc_max(rows / fc_depthwise_tasks(v) / 2 * 2, 2), MOST_ROWS), .chunk = most_channels(v)};
    c.bands = fc_ceil_div(v->dst.h, c.band);
    const ptrdiff_t wanted = fc_ceil_div(fc_depthwise_tasks(v), fc_max(v->n * c.bands, 1)),
                    least = fc_ceil_div(FEWEST_CHANNELS, m) * m;
    if (wanted > 1)
        c.chunk = fc_min(c.chunk, fc_ceil_div(fc_ceil_div(channels, wanted), least) * least);
    c.chunks = fc_ceil_div(channels, c.chunk);
    c.tasks = (size_t)(v->n * c.bands * c.chunks);
    c.shared_bytes = fc_align_up((size_t)(v->src.w * (is_staged(v) ? c.chunk : v->src.w_pitch)) * fc_depthwise_size(v));
    c.worker_bytes = lay_out(v, c.chunk).at[PIECES];
    return c;
}

/* A task: output rows [row, row_end) of image n, output channels [channel, channel + channels). staged: input rows
 * below it are in the ring. */
typedef struct cells_band {
    const fc_depthwise_job *job;
    char *piece[PIECES];
    const void **rows;
    ptrdiff_t n, row, row_end, channel, channels, staged;
} cells_band;

static const char *image_row(const cells_band *b, ptrdiff_t row) {
    const fc_conv_view *v = b->job->view;
    return b->job->x +
        (b->n * v->src.n_pitch + row * v->src.h_pitch + b->channel / v->dst.c) * (ptrdiff_t)fc_dtype_size(v->dtype);
}

static char *ring_row(const cells_band *b, ptrdiff_t row) {
    const fc_conv_view *v = b->job->view;
    return b->piece[RING] + (size_t)(row % ring_rows(v) * v->src.w * b->channels) * fc_depthwise_size(v);
}

static void stage_row(const cells_band *b, ptrdiff_t row) {
    const fc_conv_view *v = b->job->view;
    const fc_kernels *k = b->job->kernels;
    const size_t size = fc_depthwise_size(v), m = (size_t)v->dst.c, inputs = (size_t)b->channels / m;
    const int is_whole = inputs == (size_t)v->groups;
    const size_t length = is_whole ? inputs * (size_t)v->src.w : inputs;
    const char *from = image_row(b, row);
    char *to = ring_row(b, row);
    for (ptrdiff_t x = 0; x < (is_whole ? 1 : v->src.w); x++, to += length * m * size) {
        const char *cells = from + x * v->src.w_pitch * (ptrdiff_t)fc_dtype_size(v->dtype);
        if (fc_is_half(v->dtype)) {
            char *wide = m > 1 ? b->piece[RAW] : to;
            fc_widen(k, v->dtype, cells, wide, length);
            cells = wide;
        }
        if (m > 1)
            (v->dtype == FC_F64 ? k->repeat_f64 : k->repeat_f32)(length, m, cells, to);
    }
}

/* Pointers to the `count` input rows from `first` on, `step` apart. */
static void find_rows(cells_band *b, ptrdiff_t first, ptrdiff_t step, ptrdiff_t count) {
    const fc_conv_view *v = b->job->view;
    for (ptrdiff_t s = 0; s < count; s++) {
        const ptrdiff_t row = first + s * step;
        if (row < 0 || row >= v->src.h)
            b->rows[s] = b->job->scratch;
        else if (is_staged(v)) {
            b->rows[s] = ring_row(b, row);
            for (b->staged = fc_max(b->staged, fc_max(first, 0)); b->staged <= row; b->staged++)
                stage_row(b, b->staged);
        } else
            b->rows[s] = image_row(b, row);
    }
}

/* Activation, and the way of half types to the output, of one row of the band. */
static void finish_row(const cells_band *b, ptrdiff_t row) {
    const fc_conv_view *v = b->job->view;
    const fc_kernels *k = b->job->kernels;
    const int is_half = fc_is_half(v->dtype), is_whole = b->channels == fc_depthwise_channels(v);
    const size_t length = (size_t)(is_whole ? b->channels * v->dst.w : b->channels);
    char *y = b->job->y +
        (b->n * v->dst.n_pitch + row * v->dst.h_pitch + b->channel) * (ptrdiff_t)fc_dtype_size(v->dtype);
    for (ptrdiff_t x = 0; x < (is_whole ? 1 : v->dst.w);
        x++, y += v->dst.w_pitch * (ptrdiff_t)fc_dtype_size(v->dtype)) {
        char *cells = is_half ? b->piece[RESULT] + (size_t)x * length * fc_depthwise_size(v) : y;
        fc_depthwise_activate(b->job, length, cells);
        if (is_half)
            fc_narrow(k, v->dtype, cells, y, length);
    }
}

static void run_rows(cells_band *b, ptrdiff_t row, ptrdiff_t count) {
    const fc_depthwise_job *job = b->job;
    const fc_conv_view *v = job->view;
    const ptrdiff_t size = (ptrdiff_t)fc_depthwise_size(v);
    const int is_half = fc_is_half(v->dtype);
    find_rows(b, row * v->rows.stride + v->rows.first, v->rows.step, v->rows.count + count - 1);
    (v->dtype == FC_F64 ? job->kernels->depthwise_cells_f64 : job->kernels->depthwise_cells_f32)(&(fc_depthwise_cells){
        .k_h = (size_t)v->rows.count,
        .k_w = (size_t)v->cols.count,
        .stride = v->cols.stride,
        .dilation = v->cols.step,
        .first = v->cols.first,
        .width = v->src.w,
        .rows = b->rows,
        .x_pitch = is_staged(v) ? b->channels : v->src.w_pitch,
        .w = job->packed + b->channel * size,
        .w_pitch = (size_t)fc_depthwise_channels(v),
        .start = job->bias ? job->bias + b->channel * size : NULL,
        .channels = (size_t)b->channels,
        .count = (size_t)v->dst.w,
        .out_rows = (size_t)count,
        .y = is_half ? b->piece[RESULT] : job->y + (b->n * v->dst.n_pitch + row * v->dst.h_pitch + b->channel) * size,
        .y_pitch = is_half ? b->channels : v->dst.w_pitch,
        .y_row_pitch = v->dst.h_pitch,
        .relu = fc_is_clamp(job->epilogue->activation),
        .ceiling = fc_ceiling_of(job->epilogue->activation),
    });
    for (ptrdiff_t r = 0; r < count; r++)
        finish_row(b, row + r);
}

void fc_depthwise_cells_task(void *job_, size_t task, size_t worker) {
    const fc_depthwise_job *job = job_;
    const fc_conv_view *v = job->view;
    const fc_depthwise_cut *c = &job->cut;
    const ptrdiff_t chunk = (ptrdiff_t)task % c->chunks, band = (ptrdiff_t)task / c->chunks % c->bands;
    cells_band b = {
        .job = job, .n = (ptrdiff_t)task / c->chunks / c->bands, .row = band * c->band, .channel = chunk * c->chunk};
    const cells_scratch scratch = lay_out(v, c->chunk);
    for (int i = 0; i < PIECES; i++)
        b.piece[i] = job->scratch + c->shared_bytes + worker * c->worker_bytes + scratch.at[i];
    b.rows = (const void **)b.piece[ROWS];
    b.row_end = fc_min(b.row + c->band, v->dst.h);
    b.channels = fc_min(c->chunk, fc_depthwise_channels(v) - b.channel);
    const ptrdiff_t at_once = has_pairs(v) && !fc_is_half(v->dtype) ? 2 : 1;
    for (ptrdiff_t row = b.row; row < b.row_end; row += at_once)
        run_rows(&b, row, fc_min(at_once, b.row_end - row));
}
