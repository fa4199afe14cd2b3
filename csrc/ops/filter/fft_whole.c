/* SPDX-License-Identifier: MIT */
/*
 * One transform of the whole image. Its cells lie at the block's first ones, zeros behind them, and so many of these
 * that windows which begin before the image read them round the block. The kernel is turned round the block by as much
 * as the first window lies outside, so that results begin at the block's first row and column.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/caller.h"
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft_whole.h"

enum { GROUP = FC_FFT_GROUP };
/* Of 32 eps: what is left to a transform alone, and to one whose sums products are added to. */
static const double PROMISE = 30, PROMISE_ADDED = 20;
static const double SURE = 0.25; /* errors below which sums of whole numbers are rounded */
/* Of the error, where cells rise or fall over the image, or one tap stands out: it adds up then and is no noise. */
static const double SLANTED = 1.25, PEAKED_TAP = 4;
/* Roundings that a sum of middle times taps brings: of the sum, the product and the addition. */
static const double SHIFTED = 1.5;
static const double ROUNDED = 1.001; /* what sums of sizes may lose */

typedef struct job {
    const fc_filter *f;
    const fc_fft *fft;
    const fc_fft_cut *cut;
    const fc_fft_taps *taps;
    const fc_fft_cells *taken;
    fc_fft_image image;
    fc_fft_edges edges; /* where image.middle is not 0 */
    size_t part, groups;
    size_t pointers_bytes, cells_bytes, stage_bytes, scratch_bytes, space_bytes, workers;
    unsigned char *memory, *row_twiddles, *col_twiddles, *zeros, *backwards, *block, *spectrum, *spaces;
    double *energy; /* two of each group of rows */
    int *failed;    /* of each group of columns: numbers are not finite */
    int sizes;      /* |image| * |kernel| is transformed */
    int whole;      /* sums are rounded to whole numbers */
    double least;   /* weight that outputs have to have, and more for what is added to their sums */
    fc_fft_span *spans;
} job;

typedef struct space {
    const void **re, **im;
    unsigned char *cells, *stage, *scratch;
} space;

static space space_of(const job *j, size_t worker) {
    unsigned char *at = j->spaces + worker * j->space_bytes;
    space s = {.re = (const void **)at, .im = (const void **)(at + j->pointers_bytes)};
    s.cells = at + 2 * j->pointers_bytes;
    s.stage = s.cells + j->cells_bytes;
    s.scratch = s.stage + j->stage_bytes;
    return s;
}

/* ---------------------------------------------------------------- into the transform */

/* to[i] = from[i] - middle, or the size of from[i], n numbers. */
#define TAKE(T, ANY, fabs_)                                          \
    for (size_t i = 0; i < n; i++) {                                 \
        const T x = ((const ANY *)from)[i];                          \
        ((T *)to)[i] = j->sizes ? fabs_(x) : x - (T)j->image.middle; \
    }
#define TAKE_COMPLEX(T, ANY, hypot_)                                                  \
    for (size_t i = 0; i < n; i++) {                                                  \
        const T re = ((const ANY *)from)[2 * i], im = ((const ANY *)from)[2 * i + 1]; \
        ((T *)to)[2 * i] = j->sizes ? hypot_(re, im) : re;                            \
        ((T *)to)[2 * i + 1] = j->sizes ? 0 : im;                                     \
    }

static void *take_numbers(const job *j, const void *from, size_t n, void *to) {
    switch (j->f->work) {
    case FC_F32:
        TAKE(float, fc_any_float, fabsf) break;
    case FC_F64:
        TAKE(double, fc_any_double, fabs) break;
    case FC_C64:
        TAKE_COMPLEX(float, fc_any_float, hypotf) break;
    default:
        TAKE_COMPLEX(double, fc_any_double, hypot)
    }
    return to;
}
#undef TAKE
#undef TAKE_COMPLEX

static fc_fft_columns columns_of(const job *j, const space *s, size_t from, size_t cols) {
    const int is_complex = fc_filter_is_complex(j->f->work);
    return (fc_fft_columns){
        .rows = j->cut->rows,
        .twiddles = j->col_twiddles,
        .block = j->block + 2 * from * j->cut->rows * j->part,
        .strips = fc_least(GROUP, j->cut->cols - from) / j->fft->lanes,
        .re_cols = cols,
        .im_cols = is_complex ? 0 : cols,
        .re = (void *const *)s->re,
        .im = is_complex ? NULL : (void *const *)s->im,
    };
}

static void forward(const job *j, const space *s, size_t from, size_t cols) {
    for (size_t r = 0; r < j->cut->rows; r++)
        s->im[r] = j->zeros;
    const fc_fft_columns columns = columns_of(j, s, from, cols);
    j->failed[from / GROUP] |= !j->fft->forward(&columns);
}

/* The place in a block of n of what lies at -at, counted round. */
static size_t turned(ptrdiff_t at, size_t n) {
    const ptrdiff_t size = (ptrdiff_t)n, rest = -at % size;
    return (size_t)(rest < 0 ? rest + size : rest);
}

/* to[c] = tap k - c of a row, counted round the block; 0 where there is none. */
static void put_taps(const job *j, const unsigned char *taps, size_t k, size_t cols, unsigned char *to) {
    const size_t size = j->f->number, k_w = (size_t)j->f->k_w;
    for (size_t c = 0; c < cols; c++, to += size) {
        if (k >= k_w)
            memset(to, 0, size);
        else if (size == sizeof(float))
            memcpy(to, taps + k * sizeof(float), sizeof(float));
        else if (size == sizeof(double))
            memcpy(to, taps + k * sizeof(double), sizeof(double));
        else
            memcpy(to, taps + k * size, size);
        k = k ? k - 1 : j->cut->cols - 1;
    }
}

/* Columns [GROUP * task, ...) of the kernel: tap (i, k) lies at cell (-i - top, -k - left), counted round the block. */
static void load_taps(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const space s = space_of(j, worker);
    const size_t rows = j->cut->rows, from = task * GROUP, width = fc_least(GROUP, j->cut->cols - from);
    for (size_t r = 0; r < rows; r++)
        s.re[r] = j->zeros;
    for (size_t i = 0; i < (size_t)f->k_h; i++) {
        unsigned char *row = s.cells + i * GROUP * f->number;
        const unsigned char *taps = (const unsigned char *)f->kernel + i * (size_t)f->k_w * f->number;
        if (j->sizes)
            taps = take_numbers(j, taps, (size_t)f->k_w, s.scratch);
        s.re[turned((ptrdiff_t)i + f->top, rows)] = row;
        put_taps(j, taps, turned((ptrdiff_t)from + f->left, j->cut->cols), width, row);
    }
    forward(j, &s, from, width);
}

/* Columns [GROUP * task, ...) of the image; cells that were taken count as its middle. */
static void load_cells(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const space s = space_of(j, worker);
    const ptrdiff_t from = (ptrdiff_t)task * GROUP, cols = fc_min(fc_max(f->w - from, 0), GROUP);
    size_t row = 0;
    if (cols)
        fc_filter_source(f, (fc_rect){0, from, f->h, cols}, FC_ALL_CHANNELS, s.re, s.stage);
    for (; cols && row < (size_t)f->h; row++) {
        unsigned char *to = s.cells + row * GROUP * f->number;
        take_numbers(j, s.re[row], (size_t)cols, to);
        s.re[row] = to;
    }
    for (; row < j->cut->rows; row++)
        s.re[row] = j->zeros;
    for (size_t i = 0; i < j->taken->count; i++) {
        const ptrdiff_t r = j->taken->cells[i].row + f->top, c = j->taken->cells[i].col + f->left - from;
        if (c >= 0 && c < cols)
            memset(s.cells + (size_t)(r * GROUP + c) * f->number, 0, f->number);
    }
    forward(j, &s, (size_t)from, (size_t)cols);
}

/* ---------------------------------------------------------------- along the rows */

static fc_fft_rows rows_of(const job *j, size_t group, double *energy, void *scratch) {
    return (fc_fft_rows){
        j->cut->rows, j->cut->cols, j->row_twiddles, j->block, j->spectrum, scratch, group, group + 1, energy};
}

static void make_spectrum(void *job_, size_t group, size_t worker) {
    const job *j = job_;
    const fc_fft_rows rows = rows_of(j, group, NULL, NULL);
    (void)worker;
    j->fft->spectrum(&rows);
}

static void multiply(void *job_, size_t group, size_t worker) {
    const job *j = job_;
    const fc_fft_rows rows = rows_of(j, group, j->energy + 2 * group, space_of(j, worker).scratch);
    j->energy[2 * group] = j->energy[2 * group + 1] = 0;
    j->fft->filter(&rows);
}

/* ---------------------------------------------------------------- out of the transform */

/* The middle times the taps that meet the image is added to a row of sums. */
#define SHIFT(T)                      \
    for (size_t c = 0; c < cols; c++) \
        ((T *)sums)[c] = (T)((double)((T *)sums)[c] + middle * taps[c]);
static void shift(const job *j, void *sums, const double *taps, size_t cols) {
    const double middle = j->image.middle;
    if (fc_filter_is_single(j->f)) {
        SHIFT(float)
    } else {
        SHIFT(double)
    }
}
#undef SHIFT

/* The larger of a number's parts. */
#define SIZES(T)                                                                \
    for (size_t c = 0; c < cols; c++) {                                         \
        const double re = fabs((double)((const T *)sums)[c * step]),            \
                     im = fabs((double)((const T *)sums)[c * step + step - 1]); \
        sizes[c] = re > im ? re : im;                                           \
    }
static void sizes_of(const fc_filter *f, const void *sums, size_t cols, double *sizes) {
    const size_t step = 1 + (size_t)fc_filter_is_complex(f->work);
    if (fc_filter_is_single(f)) {
        SIZES(float)
    } else {
        SIZES(double)
    }
}
#undef SIZES

/* Those of a row of outputs that weigh less than their least: none weighs less than its own size. */
static fc_fft_span judge(const job *j, const void *sums, const double *taps, size_t cols) {
    const double shifted = SHIFTED / PROMISE_ADDED * fabs(j->image.middle);
    double sizes[GROUP];
    size_t light = 0, first = 0, end = cols;
    sizes_of(j->f, sums, cols, sizes);
    for (size_t c = 0; c < cols; c++) {
        sizes[c] -= j->least + shifted * fabs(taps[c]);
        light += !(sizes[c] >= 0);
    }
    if (!light)
        return (fc_fft_span){0, 0};
    while (sizes[first] >= 0)
        first++;
    while (sizes[end - 1] >= 0)
        end--;
    return (fc_fft_span){(unsigned char)first, (unsigned char)end};
}

/* To the nearest whole number; adding 0 makes a negative zero of it positive. */
static void round_row(const fc_filter *f, void *sums, size_t cols) {
    for (size_t c = 0; c < cols; c++)
        if (f->work == FC_F32)
            ((float *)sums)[c] = rintf(((float *)sums)[c]) + 0.0f;
        else
            ((double *)sums)[c] = rint(((double *)sums)[c]) + 0.0;
}

/* What is done to a group of sums before it is stored, and what is too light among them. */
static void finish(const job *j, size_t from, size_t cols, unsigned char *sums, fc_fft_span *spans) {
    const fc_filter *f = j->f;
    const size_t pitch = GROUP * f->number;
    double taps[GROUP] = {0};
    if (!j->sizes)
        fc_fft_add_cells(f, j->taken, j->backwards, 0, f->out_h, (ptrdiff_t)from, (ptrdiff_t)cols, sums);
    for (ptrdiff_t r = 0; r < f->out_h; r++, sums += pitch) {
        if (j->image.middle != 0)
            fc_fft_edge_sums(f, &j->edges, r, (ptrdiff_t)from, cols, taps);
        if (j->image.middle != 0 && !j->sizes)
            shift(j, sums, taps, cols);
        if (j->whole)
            round_row(f, sums, cols);
        else
            spans[r] = judge(j, sums, taps, cols);
    }
}

/* Columns [GROUP * task, ...) of the results, or of what they weigh. */
static void store(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const space s = space_of(j, worker);
    const size_t from = task * GROUP, cols = fc_least(GROUP, (size_t)f->out_w - from), out_h = (size_t)f->out_h;
    for (size_t r = 0; r < out_h; r++)
        s.re[r] = s.cells + r * GROUP * f->number;
    fc_fft_columns columns = columns_of(j, &s, from, cols);
    columns.re_rows = out_h;
    columns.strips = fc_least(columns.strips, fc_parts(cols, j->fft->lanes));
    j->failed[task] |= !j->fft->inverse(&columns);
    finish(j, from, cols, s.cells, j->spans + task * out_h);
    if (!j->sizes)
        fc_filter_store(f, (fc_rect){0, (ptrdiff_t)from, f->out_h, (ptrdiff_t)cols}, FC_ALL_CHANNELS, s.cells, GROUP);
    fc_filter_stored(f);
}

/* ---------------------------------------------------------------- the whole */

static size_t out_groups(const job *j) { return fc_parts((size_t)j->f->out_w, GROUP); }

static int any_failed(const job *j) {
    int any = 0;
    for (size_t i = 0; i < j->groups; i++)
        any |= j->failed[i];
    return any;
}

/* The image times the kernel, or their sizes, on the way back. */
static void transform(job *j) {
    const size_t rows = j->cut->rows / j->fft->lanes;
    fc_parallel_for(j->groups, j->workers, load_taps, j);
    fc_parallel_for(rows, j->workers, make_spectrum, j);
    fc_parallel_for(j->groups, j->workers, load_cells, j);
    fc_parallel_for(rows, j->workers, multiply, j);
}

/* What the error of sums may be, over their eps. */
static double error_of(const job *j) {
    double energy[2] = {0, 0};
    for (size_t group = 0; group < j->cut->rows / j->fft->lanes; group++)
        for (size_t i = 0; i < 2; i++)
            energy[i] += j->energy[2 * group + i];
    const int stands_out = 2 * j->taps->most > j->taps->norm;
    return (stands_out ? PEAKED_TAP : SLANTED) *
        fc_fft_error(j->part == sizeof(double), fc_filter_is_complex(j->f->work), j->taps,
            (double)j->cut->rows * (double)j->cut->cols, energy);
}

/* Whether the size of an output tells what it weighs. */
static int of_one_sign(const job *j) {
    static const double ALL = 1 - 1e-6;
    return j->image.one_sign && fabs(j->taps->total) >= ALL * j->taps->sum;
}

/* Results by the transform, spans of those too light; 0 where numbers are not finite. */
static int run_transforms(job *j) {
    const double eps = fc_filter_is_single(j->f) ? (double)FLT_EPSILON / 2 : DBL_EPSILON / 2;
    transform(j);
    const double error = error_of(j);
    if (fc_interrupted() || any_failed(j) || !(error <= DBL_MAX))
        return 0;
    const double shifted = SHIFTED * fabs(j->image.middle) * j->taps->sum;
    j->whole = j->image.whole && j->taps->whole && (error + shifted) * eps <= SURE;
    j->least = ROUNDED * error / (j->taken->count ? PROMISE_ADDED : PROMISE);
    fc_parallel_for(out_groups(j), j->workers, store, j);
    if (j->whole || of_one_sign(j) || any_failed(j) || fc_fft_light_products(j->f, j->spans, out_groups(j)) == 0)
        return !any_failed(j);
    j->sizes = 1;
    transform(j);
    j->least += ROUNDED * eps * error_of(j);
    fc_parallel_for(out_groups(j), j->workers, store, j);
    return !any_failed(j);
}

/* Whether direct sums of what is light cost so much that blocks, which know other ways, may take less. */
static int leaves_much(const job *j) {
    static const double MOST = 4; /* transforms */
    const double products = fc_fft_light_products(j->f, j->spans, out_groups(j)) *
        (fc_filter_is_complex(j->f->work) ? 4 : 1);
    return products / (double)j->fft->lanes > MOST * j->cut->cycles;
}

static fc_status measure(job *j) {
    const fc_filter *f = j->f;
    const ptrdiff_t rows = (ptrdiff_t)j->cut->rows, cols = (ptrdiff_t)j->cut->cols, part = (ptrdiff_t)j->part;
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, (ptrdiff_t)sizeof(void *)}, 2, &j->pointers_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, GROUP, (ptrdiff_t)f->number}, 3, &j->cells_bytes));
    FC_TRY(fc_filter_stage_bytes(f, f->h, GROUP, FC_ALL_CHANNELS, &j->stage_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){2, (ptrdiff_t)j->fft->lanes, cols, part}, 4, &j->scratch_bytes));
    j->pointers_bytes = fc_align_up(j->pointers_bytes);
    j->stage_bytes = fc_align_up(j->stage_bytes);
    j->scratch_bytes = fc_align_up(j->scratch_bytes);
    j->space_bytes = 2 * j->pointers_bytes + j->cells_bytes + j->stage_bytes + j->scratch_bytes;
    return FC_OK;
}

static fc_status open_job(job *j) {
    const fc_filter *f = j->f;
    const size_t points = j->cut->rows * j->cut->cols, parts = fc_align_up(2 * points * j->part);
    const size_t twiddles = fc_align_up(
        2 * (j->cut->rows > j->cut->cols ? j->cut->rows : j->cut->cols) * sizeof(double));
    const size_t energy = fc_align_up(2 * j->cut->rows / j->fft->lanes * sizeof(double)),
                 failed = fc_align_up(j->groups * sizeof(int)), zeros = fc_align_up(GROUP * f->number),
                 spans = fc_align_up(out_groups(j) * (size_t)f->out_h * sizeof(fc_fft_span)),
                 backwards = j->taken->count ? fc_align_up((size_t)(f->k_h * f->k_w) * f->number) : 0,
                 edges = j->image.middle != 0 ? fc_fft_edges_bytes(&j->edges) : 0;
    const size_t shared = 2 * twiddles + energy + failed + zeros + spans + backwards + edges;
    FC_TRY(measure(j));
    j->workers = fc_parallel_workers(j->groups, j->cut->cycles * 2 * (double)j->fft->lanes);
    j->memory = fc_scratch_alloc(shared + 2 * parts + j->workers * j->space_bytes);
    if (!j->memory)
        return FC_OUT_OF_MEMORY;
    j->row_twiddles = j->memory;
    j->col_twiddles = j->row_twiddles + twiddles;
    j->energy = (double *)(j->col_twiddles + twiddles);
    j->failed = (int *)((unsigned char *)j->energy + energy);
    j->zeros = (unsigned char *)j->failed + failed;
    j->spans = (fc_fft_span *)(j->zeros + zeros);
    j->backwards = (unsigned char *)j->spans + spans;
    j->block = j->backwards + backwards + edges;
    j->spectrum = j->block + parts;
    j->spaces = j->spectrum + parts;
    memset(j->failed, 0, failed + zeros + spans);
    fc_fft_twiddles(j->cut->cols, j->fft->radix, j->part == sizeof(double), (double *)j->block, j->row_twiddles);
    fc_fft_twiddles(j->cut->rows, j->fft->radix, j->part == sizeof(double), (double *)j->block, j->col_twiddles);
    if (j->taken->count)
        fc_fft_turn_taps(f, j->backwards);
    if (edges)
        fc_fft_sum_edges(f, j->backwards + backwards, &j->edges);
    return FC_OK;
}

static fc_status run(job *j, int *done) {
    FC_TRY(open_job(j));
    fc_status status = FC_OK;
    *done = fc_interrupted() || (run_transforms(j) && !leaves_much(j));
    if (*done && !j->whole)
        status = fc_fft_sum_light(j->f, j->spans, out_groups(j));
    fc_scratch_free(j->memory);
    return status;
}

/* The cells that were taken, beside the middle that the transform has in their place. */
static void take_middle(const job *j, fc_fft_cells *taken) {
    for (size_t i = 0; i < taken->count && !fc_filter_is_complex(j->f->work); i++) {
        float narrow;
        double wide;
        if (j->f->work == FC_F32) {
            memcpy(&narrow, taken->cells[i].value, sizeof narrow);
            narrow -= (float)j->image.middle;
            memcpy(taken->cells[i].value, &narrow, sizeof narrow);
        } else {
            memcpy(&wide, taken->cells[i].value, sizeof wide);
            wide -= j->image.middle;
            memcpy(taken->cells[i].value, &wide, sizeof wide);
        }
    }
}

fc_status fc_fft_run_whole(const fc_filter *f, const fc_fft_cut *cut, const fc_fft_taps *taps, int *done) {
    size_t stage_bytes;
    *done = 0;
    FC_TRY(fc_filter_stage_bytes(f, 1, f->w, FC_ALL_CHANNELS, &stage_bytes));
    fc_fft_cells *taken = fc_scratch_alloc(fc_align_up(sizeof *taken) + stage_bytes);
    if (!taken)
        return FC_OUT_OF_MEMORY;
    job j = {.f = f,
        .fft = fc_fft_kernels(f),
        .cut = cut,
        .taps = taps,
        .taken = taken,
        .part = f->number >> fc_filter_is_complex(f->work),
        .groups = fc_parts(cut->cols, GROUP)};
    fc_status status = FC_OK;
    if (fc_fft_know_image(f, (unsigned char *)taken + fc_align_up(sizeof *taken), &j.image, taken)) {
        take_middle(&j, taken);
        fc_fft_measure_edges(f, &j.edges);
        status = run(&j, done);
    }
    fc_scratch_free(taken);
    return status;
}
