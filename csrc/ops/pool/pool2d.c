/* SPDX-License-Identifier: MIT */
/*
 * Max and average pooling, their gradients and the gradient of the max pool's gradient.
 *
 * An image is n in NHWC (cells of c channels) and a plane of one channel in NCHW. It is cut in strips: of rows of the
 * windows (forward), or of rows of dx (gradients), where each strip runs every window that reaches into it and takes
 * only its own rows, so no two tasks write one element and sums have a fixed order. Halves are widened a strip at a
 * time, and halves and floats to double where many windows add to a cell. Results too large to stay in cache are made a
 * strip at a time, too, and copied past the caches, which saves reading their lines.
 */
#include <math.h>
#include <string.h>

#include "core/caller.h"
#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/shape.h"
#include "core/size.h"
#include "core/dtype.h"
#include "ops/pool/bytes.h"

enum { STRIP_ELEMENTS = 16384, TASK_ELEMENTS = 32768 }; /* of x */
#define CELLS_AT_ONCE 1e6                               /* of windows, about 5 ms: between two looks for an interrupt */

/* Rows or columns [begin, end). */
typedef struct range {
    ptrdiff_t begin, end;
} range;

typedef struct pool_job {
    const fc_pool2d_params *p;
    fc_pool2d_params own; /* p's, a single window's stride, which means nothing, 1 */
    ptrdiff_t out_h, out_w, images, cell;
    range inner; /* columns of windows that lose no cell at the borders */
    fc_pool_fn *kernel;
    const char *x, *from; /* from: dy or ddx; either may be NULL */
    char *to;
    int from_on_x, gradient;         /* gradient: `to` is dx, else of the windows' shape */
    ptrdiff_t strip, strips;         /* rows of a strip (of x for a gradient, else of windows), strips of an image */
    ptrdiff_t units_per_task, units; /* a unit is a strip of an image */
    size_t most_lines;               /* rows of windows that go together */
    size_t width, kernel_width;      /* bytes of an element, outside and for the kernel */
    fc_convert_fn *widen, *narrow;   /* NULL where the kernel takes the tensors as they are */
    fc_stream_fn *stream;            /* NULL but for gradients that no cache can hold */
    fc_stream_end_fn *stream_end;
    char *scratch;
    size_t part, parts; /* bytes of a part of a worker's scratch: x and from if widened, to */
} pool_job;

/* Cells inside the image of window i along one axis. */
static range window_cells(ptrdiff_t i, ptrdiff_t size, ptrdiff_t pool, ptrdiff_t stride, ptrdiff_t pad) {
    ptrdiff_t begin = i * stride - pad;
    return (range){fc_max(begin, 0), fc_min(begin + pool, size)};
}

/* Cells of window i, from `begin` on, that lie in the window before it too. */
static size_t cells_met(ptrdiff_t i, ptrdiff_t begin, ptrdiff_t size, ptrdiff_t pool, ptrdiff_t stride, ptrdiff_t pad) {
    return (size_t)fc_max(window_cells(i - 1, size, pool, stride, pad).end - begin, 0);
}

/* Windows along one axis that hold one of the cells. */
static range windows_over(range cells, ptrdiff_t count, ptrdiff_t pool, ptrdiff_t stride, ptrdiff_t pad) {
    ptrdiff_t before = cells.begin + pad - pool;
    range windows = {before < 0 ? 0 : before / stride + 1, (cells.end - 1 + pad) / stride + 1};
    return (range){fc_min(windows.begin, count), fc_min(windows.end, count)};
}

/* What one unit works on, in the kernel's dtype: each pointer is to the first row of its range. */
typedef struct strip {
    range rows, windows, own; /* of x; of the windows; of dx, gradients only */
    const char *x, *from;
    char *to;
} strip;

static size_t offset(const pool_job *job, ptrdiff_t row, ptrdiff_t width, ptrdiff_t column) {
    return (size_t)((row * width + column) * job->cell) * job->kernel_width;
}

/* The rows of the windows of row i: as many as lie in the image; of a gradient, those that the strip owns, and has met
 * before. */
static fc_pool_span window_rows(const pool_job *job, const strip *s, ptrdiff_t i) {
    const fc_pool2d_params *p = job->p;
    const range rows = window_cells(i, p->h, p->pool_h, p->stride_h, p->pad_top);
    fc_pool_span span = {.rows = (size_t)(rows.end - rows.begin), .lines = 1};
    if (job->gradient) {
        span.grad_begin = (size_t)(fc_max(rows.begin, s->own.begin) - rows.begin);
        span.grad_end = (size_t)(fc_min(rows.end, s->own.end) - rows.begin);
        if (i > s->windows.begin)
            span.met_rows = cells_met(i, rows.begin, p->h, p->pool_h, p->stride_h, p->pad_top);
    }
    return span;
}

/* From row i on, the rows of windows whose spans are alike; where windows overlap both ways, only whole rows go
 * together, so that sums keep their order. */
static fc_pool_span like_lines(const pool_job *job, const strip *s, ptrdiff_t i) {
    const fc_pool2d_params *p = job->p;
    fc_pool_span span = window_rows(job, s, i);
    const int apart = p->stride_h >= p->pool_h || (!job->inner.begin && job->inner.end == job->out_w);
    for (ptrdiff_t next = i + 1;
        apart && next < s->windows.end && i * p->stride_h >= p->pad_top && span.lines < job->most_lines; next++) {
        const fc_pool_span other = window_rows(job, s, next);
        if (other.rows != span.rows || other.grad_begin != span.grad_begin || other.grad_end != span.grad_end ||
            other.met_rows != span.met_rows)
            break;
        span.lines++;
    }
    return span;
}

/* Rows of windows: those at the left and right borders lose cells and go one by one, the rest in one call. */
static ptrdiff_t run_lines(const pool_job *job, const strip *s, ptrdiff_t i) {
    const fc_pool2d_params *p = job->p;
    const ptrdiff_t top = window_cells(i, p->h, p->pool_h, p->stride_h, p->pad_top).begin;
    fc_pool_span span = like_lines(job, s, i);
    span.row_pitch = (size_t)(p->w * job->cell);
    span.col_pitch = span.channels = (size_t)job->cell;
    span.step = (size_t)p->stride_w * (size_t)job->cell;
    span.x_line = (size_t)p->stride_h * span.row_pitch;
    span.window_line = (size_t)(job->out_w * job->cell);
    for (ptrdiff_t j = 0; j < job->out_w; j += (ptrdiff_t)span.count) {
        const range cols = window_cells(j, p->w, p->pool_w, p->stride_w, p->pad_left);
        const size_t cell = offset(job, top - s->rows.begin, p->w, cols.begin);
        const size_t window = offset(job, i - s->windows.begin, job->out_w, j);
        const ptrdiff_t own = fc_max(top, s->own.begin) - s->own.begin;
        span.met_cols = j ? cells_met(j, cols.begin, p->w, p->pool_w, p->stride_w, p->pad_left) : 0;
        span.cols = (size_t)(cols.end - cols.begin);
        span.count = j >= job->inner.begin && j < job->inner.end ? (size_t)(job->inner.end - j) : 1;
        job->kernel(&span, s->x ? s->x + cell : NULL, s->from ? s->from + (job->from_on_x ? cell : window) : NULL,
            s->to + (job->gradient ? offset(job, own, p->w, cols.begin) : window));
    }
    return (ptrdiff_t)span.lines;
}

/* Elements before row `row` of an image, of x's shape or the windows'. */
static size_t elements_before(const pool_job *job, int on_x, ptrdiff_t image, ptrdiff_t row) {
    const size_t width = (size_t)(on_x ? job->p->w : job->out_w), height = (size_t)(on_x ? job->p->h : job->out_h);
    return ((size_t)image * height + (size_t)row) * width * (size_t)job->cell;
}

/* The rows of an image for the kernel to read, widened where need be. */
static const char *input_rows(
    const pool_job *job, const char *tensor, int on_x, ptrdiff_t image, range rows, char *scratch) {
    if (!tensor)
        return NULL;
    const size_t begin = elements_before(job, on_x, image, rows.begin),
                 end = elements_before(job, on_x, image, rows.end);
    if (!job->widen)
        return tensor + begin * job->width;
    job->widen(tensor + begin * job->width, scratch, end - begin);
    return scratch;
}

/* Zeros for the cells of the rows `own` of dx that no window holds. */
static void clear_rest(const pool_job *job, range own, char *dx) {
    const fc_pool2d_params *p = job->p;
    const int apart = p->stride_h > p->pool_h || p->stride_w > p->pool_w || !job->out_h || !job->out_w;
    const ptrdiff_t rows = apart ? 0 : window_cells(job->out_h - 1, p->h, p->pool_h, p->stride_h, p->pad_top).end;
    const ptrdiff_t cols = apart ? 0 : window_cells(job->out_w - 1, p->w, p->pool_w, p->stride_w, p->pad_left).end;
    for (ptrdiff_t row = own.begin; row < own.end; row++) {
        const ptrdiff_t kept = row < rows ? cols : 0;
        memset(dx + offset(job, row - own.begin, p->w, kept), 0, offset(job, 0, p->w, p->w - kept));
    }
}

static void run_unit(const pool_job *job, ptrdiff_t unit, char *scratch) {
    const fc_pool2d_params *p = job->p;
    const ptrdiff_t image = unit / job->strips, begin = unit % job->strips * job->strip;
    const range target = {begin, fc_min(begin + job->strip, job->gradient ? p->h : job->out_h)};
    strip s = {.windows = target};
    if (job->gradient) {
        s.own = target;
        s.windows = windows_over(target, job->out_h, p->pool_h, p->stride_h, p->pad_top);
    }
    if (s.windows.begin < s.windows.end) {
        s.rows.begin = window_cells(s.windows.begin, p->h, p->pool_h, p->stride_h, p->pad_top).begin;
        s.rows.end = window_cells(s.windows.end - 1, p->h, p->pool_h, p->stride_h, p->pad_top).end;
    }
    s.x = input_rows(job, job->x, 1, image, s.rows, scratch);
    s.from = input_rows(job, job->from, job->from_on_x, image, job->from_on_x ? s.rows : s.windows,
        scratch ? scratch + job->part : NULL);

    const size_t first = elements_before(job, job->gradient, image, target.begin);
    const size_t elements = elements_before(job, job->gradient, image, target.end) - first;
    char *to = job->to + first * job->width;
    s.to = job->scratch ? scratch + (job->parts - 1) * job->part : to;
    if (job->gradient)
        clear_rest(job, target, s.to);
    const int is_long = (size_t)(s.windows.end - s.windows.begin) > job->most_lines;
    for (ptrdiff_t i = s.windows.begin; i < s.windows.end && !(is_long && fc_interrupted());)
        i += run_lines(job, &s, i);
    if (job->narrow)
        job->narrow(s.to, to, elements);
    else if (job->stream)
        job->stream(to, s.to, elements * job->width);
}

static void run_task(void *job_, size_t task, size_t worker) {
    const pool_job *job = job_;
    const ptrdiff_t begin = (ptrdiff_t)task * job->units_per_task,
                    end = fc_min(begin + job->units_per_task, job->units);
    for (ptrdiff_t unit = begin; unit < end; unit++)
        run_unit(job, unit, job->scratch ? job->scratch + worker * job->parts * job->part : NULL);
    if (job->stream)
        job->stream_end();
}

/* Cuts the images in strips of about STRIP_ELEMENTS, high enough that windows across a border of strips are few. */
static void cut(pool_job *job) {
    const fc_pool2d_params *p = job->p;
    const ptrdiff_t rows = fc_max(STRIP_ELEMENTS / fc_max(p->w * job->cell, 1), 1),
                    height = job->gradient ? p->h : job->out_h;
    if (job->gradient) {
        const ptrdiff_t least = p->stride_h < p->pool_h ? 4 * fc_min(p->pool_h, p->h) : 1;
        job->strip = fc_round_up(fc_max(rows, least), fc_min(p->stride_h, p->h));
    } else
        job->strip = fc_max(rows, fc_min(p->pool_h, p->h)) / fc_min(p->stride_h, p->h);
    job->strip = fc_min(fc_max(job->strip, 1), height);
    job->strips = fc_ceil_div(height, job->strip);
    job->units = job->images * job->strips;
    job->units_per_task = fc_max(TASK_ELEMENTS / fc_max(fc_ceil_div(p->h * p->w * job->cell, job->strips), 1), 1);
}

/* Scratch of the parts: rows of x that a strip's windows reach, or rows of windows. */
static fc_status allocate(pool_job *job, size_t workers) {
    const fc_pool2d_params *p = job->p;
    ptrdiff_t rows = p->h, windows = job->out_h;
    job->parts = job->widen ? 3 : 1;
    if (!job->widen && !job->stream)
        return FC_OK;
    if (job->gradient) {
        rows = fc_min(rows, job->strip + 2 * fc_min(p->pool_h, p->h));
        windows = fc_min(windows, (job->strip - 1) / p->stride_h + fc_min(p->pool_h / p->stride_h, windows) + 2);
    } else {
        rows = fc_min(rows, (job->strip - 1) * p->stride_h + fc_min(p->pool_h, p->h + p->pad_top));
        windows = job->strip;
    }
    const ptrdiff_t elements = fc_max(rows * p->w, windows * job->out_w);
    const ptrdiff_t factors[] = {elements, job->cell, (ptrdiff_t)job->kernel_width};
    size_t bytes;
    FC_TRY(fc_multiply(factors, 3, &job->part));
    job->part = fc_align_up(job->part);
    const ptrdiff_t all[] = {(ptrdiff_t)job->part, (ptrdiff_t)job->parts, (ptrdiff_t)workers};
    FC_TRY(fc_multiply(all, 3, &bytes));
    job->scratch = fc_scratch_alloc(bytes);
    return job->scratch ? FC_OK : FC_OUT_OF_MEMORY;
}

static int is_float(fc_dtype dtype) {
    return dtype == FC_F16 || dtype == FC_BF16 || dtype == FC_F32 || dtype == FC_F64;
}

fc_status fc_pool2d_output_size(const fc_pool2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w) {
    if (!is_float(p->dtype) && !(fc_is_integer(p->dtype) && p->mode == FC_MAX_POOL))
        return FC_BAD_DTYPE;
    if ((p->layout != FC_NHWC && p->layout != FC_NCHW) || (p->mode != FC_MAX_POOL && p->mode != FC_AVG_POOL))
        return FC_BAD_ARGUMENT;
    if (fc_max(p->pad_top, p->pad_bottom) >= p->pool_h || fc_max(p->pad_left, p->pad_right) >= p->pool_w)
        return FC_BAD_SHAPE;
    FC_TRY(fc_window_count(p->h, p->pool_h, p->stride_h, 1, p->pad_top, p->pad_bottom, out_h));
    FC_TRY(fc_window_count(p->w, p->pool_w, p->stride_w, 1, p->pad_left, p->pad_right, out_w));
    if ((!p->h && *out_h) || (!p->w && *out_w)) /* windows of padding alone */
        return FC_BAD_SHAPE;
    FC_TRY(fc_check_tensor(p->dtype, p->n, p->h, p->w, p->c));
    return fc_check_tensor(p->dtype, p->n, *out_h, *out_w, p->c);
}

/* Whether the kernel computes in double: the gradient of a cell that more than PLAIN_WINDOWS windows hold is a long
 * sum. */
static int is_wide(const pool_job *job) {
    enum { PLAIN_WINDOWS = 32 };
    const fc_pool2d_params *p = job->p;
    const ptrdiff_t rows = fc_min(fc_ceil_div(fc_min(p->pool_h, p->h), p->stride_h), job->out_h),
                    cols = fc_min(fc_ceil_div(fc_min(p->pool_w, p->w), p->stride_w), job->out_w);
    return p->dtype == FC_F64 ||
        (job->gradient && (rows > PLAIN_WINDOWS || cols > PLAIN_WINDOWS || rows * cols > PLAIN_WINDOWS));
}

static void choose_conversions(pool_job *job, const fc_kernels *kernels) {
    const fc_dtype dtype = job->p->dtype;
    const int wide = is_wide(job);
    job->kernel_width = wide ? sizeof(double) : sizeof(float);
    if (wide) {
        job->widen = fc_to_double(dtype);
        job->narrow = fc_from_double(dtype);
    } else if (dtype != FC_F32) {
        job->widen = fc_widen_kernel(kernels, dtype);
        job->narrow = fc_narrow_kernel(kernels, dtype);
    }
}

static fc_status run(pool_job *job, const fc_kernels *kernels) {
    const fc_pool2d_params *p = job->p;
    const int channels_last = p->layout == FC_NHWC;
    job->images = channels_last ? p->n : p->n * p->c;
    job->cell = channels_last ? p->c : 1;
    job->width = fc_dtype_size(p->dtype);
    choose_conversions(job, kernels);
    const double cells = (double)p->n * (double)p->h * (double)p->w * (double)p->c;
    const double windows = (double)p->n * (double)job->out_h * (double)job->out_w * (double)p->c;
    if (job->gradient && !job->widen && cells * (double)job->width > (double)fc_caches()->l3) {
        job->stream = kernels->stream;
        job->stream_end = kernels->stream_end;
    }
    cut(job);
    const double lines = CELLS_AT_ONCE /
        fmax((double)p->pool_h * (double)p->pool_w * (double)job->out_w * (double)job->cell, 1);
    job->most_lines = (size_t)fmin(fmax(lines, 1), CELLS_AT_ONCE);
    const ptrdiff_t room = p->w + p->pad_left - p->pool_w;
    job->inner.begin = fc_ceil_div(p->pad_left, p->stride_w);
    job->inner.end = room < 0 ? 0 : fc_min(room / p->stride_w + 1, job->out_w);
    const double work = 4.0 * (double)job->width * (cells + windows) +
        2 * windows * (double)p->pool_h * (double)p->pool_w;
    const size_t tasks = (size_t)fc_ceil_div(job->units, job->units_per_task),
                 workers = fc_parallel_workers(tasks, work);
    FC_TRY(allocate(job, workers));
    fc_parallel_for(tasks, workers, run_task, job);
    fc_scratch_free(job->scratch);
    return FC_OK;
}

/* FC_OK with *empty = 1 where there is no output. */
static fc_status begin(pool_job *job, const fc_pool2d_params *p, const fc_kernels **kernels, int *empty) {
    FC_TRY(fc_find_kernels(kernels));
    if (!is_float(p->dtype))
        return FC_BAD_DTYPE;
    FC_TRY(fc_pool2d_output_size(p, &job->out_h, &job->out_w));
    job->own = *p;
    job->own.stride_h = job->out_h > 1 ? p->stride_h : 1;
    job->own.stride_w = job->out_w > 1 ? p->stride_w : 1;
    job->p = &job->own;
    *empty = !p->n || !p->c || !(job->gradient ? p->h && p->w : job->out_h && job->out_w);
    if (*empty)
        return FC_OK;
    const int windows = job->out_h && job->out_w, needs_x = p->mode == FC_MAX_POOL || !job->gradient;
    return job->to && (!windows || !needs_x || job->x) ? FC_OK : FC_BAD_ARGUMENT;
}

fc_status fc_pool2d(const fc_pool2d_params *p, const void *x, void *y) {
    if (fc_is_integer(p->dtype))
        return fc_max_pool2d_bytes(p, x, y);
    const fc_kernels *k;
    pool_job job = {.x = x, .to = y};
    int empty;
    FC_TRY(begin(&job, p, &k, &empty));
    if (empty)
        return FC_OK;
    if (p->dtype == FC_F64)
        job.kernel = p->mode == FC_MAX_POOL ? k->pool_max_f64 : k->pool_avg_f64;
    else
        job.kernel = p->mode == FC_MAX_POOL ? k->pool_max_f32 : k->pool_avg_f32;
    return run(&job, k);
}

fc_status fc_pool2d_grad(const fc_pool2d_params *p, const void *x, const void *dy, void *dx) {
    const fc_kernels *k;
    pool_job job = {.x = p->mode == FC_MAX_POOL ? x : NULL, .from = dy, .to = dx, .gradient = 1};
    int empty;
    FC_TRY(begin(&job, p, &k, &empty));
    if (empty)
        return FC_OK;
    if (!dy && job.out_h && job.out_w)
        return FC_BAD_ARGUMENT;
    if (is_wide(&job))
        job.kernel = p->mode == FC_MAX_POOL ? k->pool_max_grad_f64 : k->pool_avg_grad_f64;
    else
        job.kernel = p->mode == FC_MAX_POOL ? k->pool_max_grad_f32 : k->pool_avg_grad_f32;
    return run(&job, k);
}

fc_status fc_max_pool2d_grad_grad(const fc_pool2d_params *p, const void *x, const void *ddx, void *ddy) {
    const fc_kernels *k;
    pool_job job = {.x = x, .from = ddx, .to = ddy, .from_on_x = 1};
    int empty;
    FC_TRY(begin(&job, p, &k, &empty));
    if (empty)
        return FC_OK;
    if (!ddx)
        return FC_BAD_ARGUMENT;
    job.kernel = p->dtype == FC_F64 ? k->pool_max_pick_f64 : k->pool_max_pick_f32;
    return run(&job, k);
}
