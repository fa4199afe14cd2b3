/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/caller.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/line_fft.h"

enum { MOST_LANES = 8 }; /* of any instruction set */
/* Of the two passes of a product of a column and a row each may take half of what a filter promises. */
static const double PROMISE = 15;
static const double SURE = 0.25; /* an error below which sums of whole numbers are rounded to such */

typedef struct job {
    const fc_filter *f;
    const fc_fft *fft;
    fc_line_cut cut;
    fc_line_bounds bounds;
    double *twiddles, *spectrum;
    size_t lanes, lines; /* of a task */
    size_t pitch;        /* numbers from a line that was turned to the next one */
    size_t pointer_bytes, stage_bytes, turned_bytes, block_bytes, outs_bytes, room_bytes, worker_bytes;
    unsigned char *spaces;
} job;

typedef struct space {
    const void **rows, **lines;
    unsigned char *stage, *turned, *outs, *back;
    double *block, *scratch, *room;
} space;

static space space_of(const job *j, size_t worker) {
    unsigned char *p = j->spaces + worker * j->worker_bytes;
    space s = {.rows = (const void **)p};
    s.lines = (const void **)(p += j->pointer_bytes);
    s.stage = p += j->pointer_bytes;
    s.turned = p += j->stage_bytes;
    s.outs = p += j->turned_bytes;
    s.back = p += j->outs_bytes;
    s.block = (double *)(p += j->outs_bytes);
    s.scratch = (double *)(p += j->block_bytes);
    s.room = (double *)(p + j->block_bytes);
    return s;
}

/* Lines of a task: pixels [line, line + across), segments [segment, segment + along), of one channel or all. */
typedef struct part {
    ptrdiff_t line, across, segment, along, channel;
} part;

static part part_of(const job *j, size_t task) {
    const fc_line_cut *cut = &j->cut;
    const ptrdiff_t lines = cut->down ? j->f->out_w : j->f->out_h, at = (ptrdiff_t)task;
    part p = {.line = at % cut->strips * cut->across, .segment = at / cut->strips % cut->stretches * cut->along};
    p.across = fc_min(cut->across, lines - p.line);
    p.along = fc_min(cut->along, cut->segments - p.segment);
    p.channel = cut->down || j->f->channels == 1 ? FC_ALL_CHANNELS : at / cut->strips / cut->stretches;
    return p;
}

/* Outputs of a segment. */
static ptrdiff_t outs_of(const job *j, ptrdiff_t segment) {
    const ptrdiff_t n = j->cut.down ? j->f->out_h : j->f->out_w;
    return fc_min(j->cut.outs, n - segment * j->cut.outs);
}

/* The outputs of a segment of a task. */
static fc_rect rect_of(const job *j, const part *p, ptrdiff_t segment) {
    const ptrdiff_t at = segment * j->cut.outs, n = outs_of(j, segment);
    return j->cut.down ? (fc_rect){at, p->line, n, p->across} : (fc_rect){p->line, at, p->across, n};
}

/* s->lines[i] = the cells of line i: of a segment's pixels and their numbers, segment by segment. */
static void gather(const job *j, const space *s, const part *p) {
    const fc_filter *f = j->f;
    const size_t together = (size_t)p->across * j->cut.width;
    fc_transpose_fn *turn = f->work == FC_F32 ? f->kernels->transpose_b32 : f->kernels->transpose_b64;
    for (ptrdiff_t i = 0; i < p->along; i++) {
        const fc_rect outs = rect_of(j, p, p->segment + i);
        const fc_rect cells = {outs.row + f->top, outs.col + f->left, outs.rows + f->k_h - 1, outs.cols + f->k_w - 1};
        const void **lines = s->lines + (size_t)i * together;
        if (!j->cut.down) {
            fc_filter_source(
                f, cells, p->channel, lines, s->stage + (size_t)i * (j->stage_bytes / (size_t)j->cut.along));
            continue;
        }
        unsigned char *turned = s->turned + (size_t)i * together * j->pitch * f->number;
        fc_filter_source(f, cells, FC_ALL_CHANNELS, s->rows, s->stage);
        turn(turned, j->pitch, s->rows, (size_t)cells.rows, together);
        for (size_t k = 0; k < together; k++)
            lines[k] = turned + k * j->pitch * f->number;
    }
}

static size_t line_outs(const job *j, const part *p, size_t line) {
    const size_t together = (size_t)p->across * j->cut.width;
    return (size_t)outs_of(j, p->segment + (ptrdiff_t)(line / together));
}

#define LOAD(T)                                                         \
    for (size_t c = 0; c < length; c += lanes, to += 2 * lanes * lanes) \
        for (size_t i = 0; i < lanes; i++)                              \
            to[i] = c + i < n ? (double)((const T *)cells)[c + i] - middle : 0;

/* n cells without their middle, zeros behind them, as the real or the imaginary parts of a row of the block. */
static void load(const job *j, const void *cells, size_t n, double middle, double *to) {
    const size_t length = j->cut.length, lanes = j->lanes;
    if (j->f->work == FC_F32) {
        LOAD(fc_any_float)
    } else {
        LOAD(fc_any_double)
    }
}
#undef LOAD

/* The sum of the squares of all sums of a row of the block. */
static double squares_of(const job *j, const double *from) {
    double sums[MOST_LANES] = {0}, all = 0;
    for (size_t c = 0; c < j->cut.length; c += j->lanes, from += 2 * j->lanes * j->lanes)
        for (size_t i = 0; i < j->lanes; i++)
            sums[i % MOST_LANES] += from[i] * from[i];
    for (size_t i = 0; i < MOST_LANES; i++)
        all += sums[i];
    return all;
}

#define STORE(T)                                                     \
    for (size_t c = 0; c < n; c += lanes, from += 2 * lanes * lanes) \
        for (size_t i = 0; i < fc_least(lanes, n - c); i++)          \
            ((T *)outs)[c + i] = (T)(whole ? rint(from[i] + shift[1] + shift[0]) + 0.0 : from[i] + shift[1] + shift[0]);

/* The first n sums of a row of the block, and what the middle gives: a number and what its rounding lost. */
static void store(const job *j, const double *from, size_t n, const double *shift, int whole, void *outs) {
    const size_t lanes = j->lanes;
    if (j->f->work == FC_F32) {
        STORE(float)
    } else {
        STORE(double)
    }
}
#undef STORE

/* Where the real or imaginary parts of line i of a batch begin in its block. */
static double *row_of(const job *j, const space *s, size_t i) {
    return s->block + i / 2 * 2 * j->lanes + i % 2 * j->lanes;
}

/* Lines that hold what is not finite, or far too large, are zeros to the transform and have all outputs summed. */
static void run_batch(const job *j, const space *s, const part *p, size_t first, size_t count) {
    const size_t length = j->cut.length, before = j->cut.taps - 1, batch = 2 * j->lanes;
    const double ratio = j->f->work == FC_F32 ? DBL_EPSILON / (double)FLT_EPSILON : 1;
    fc_line_cells known[2 * MOST_LANES] = {{0}};
    double energy[2] = {0, 0};
    for (size_t i = 0; i < batch; i++) {
        const size_t n = i < count ? line_outs(j, p, first + i) + before : 0;
        if (i < count)
            fc_line_know_cells(&j->bounds, s->lines[first + i], n, &known[i]);
        load(j, i < count ? s->lines[first + i] : NULL, known[i].finite ? n : 0, known[i].middle, row_of(j, s, i));
    }
    j->fft->filter(&(fc_fft_rows){j->lanes, length, j->twiddles, s->block, j->spectrum, s->scratch, 0, 1, energy});
    for (size_t i = 0; i < count; i++) {
        const fc_line_cells *own = &known[i], *other = &known[i ^ 1];
        const double squares[] = {(own->finite ? own->squares : 0) + (other->finite ? other->squares : 0),
            squares_of(j, row_of(j, s, i)) + squares_of(j, row_of(j, s, i ^ 1))};
        const double error = own->finite ? fc_line_error(&j->bounds, length, squares, own->middle) : INFINITY;
        const int whole = own->whole && error * DBL_EPSILON / 2 <= SURE;
        const size_t n = line_outs(j, p, first + i);
        const long double shift = (long double)own->middle * j->bounds.total;
        void *outs = s->outs + (first + i) * (size_t)j->cut.outs * j->f->number;
        store(j, row_of(j, s, i), n, (double[]){(double)shift, (double)(shift - (double)shift)}, whole, outs);
        if (!whole)
            fc_line_mend(&j->bounds, s->lines[first + i], n, own->cap, error * ratio / PROMISE, s->room, outs);
    }
}

static void put(const job *j, const space *s, const part *p) {
    const fc_filter *f = j->f;
    const size_t together = (size_t)p->across * j->cut.width, outs = (size_t)j->cut.outs;
    fc_transpose_fn *turn = f->work == FC_F32 ? f->kernels->transpose_b32 : f->kernels->transpose_b64;
    for (ptrdiff_t i = 0; i < p->along; i++) {
        const fc_rect rect = rect_of(j, p, p->segment + i);
        unsigned char *sums = s->outs + (size_t)i * together * outs * f->number;
        if (!j->cut.down) {
            fc_filter_store(f, rect, p->channel, sums, outs);
            continue;
        }
        for (size_t k = 0; k < together; k++)
            s->rows[k] = sums + k * outs * f->number;
        turn(s->back, together, s->rows, together, (size_t)rect.rows);
        fc_filter_store(f, rect, FC_ALL_CHANNELS, s->back, together);
    }
}

static void run_task(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const space s = space_of(j, worker);
    const part p = part_of(j, task);
    const size_t lines = (size_t)(p.across * p.along) * j->cut.width, batch = 2 * j->lanes;
    gather(j, &s, &p);
    for (size_t first = 0; first < lines && !fc_interrupted(); first += batch)
        run_batch(j, &s, &p, first, fc_least(batch, lines - first));
    put(j, &s, &p);
    fc_filter_stored(j->f);
}

static fc_status measure(job *j) {
    const fc_filter *f = j->f;
    const fc_line_cut *cut = &j->cut;
    const ptrdiff_t length = (ptrdiff_t)cut->length, width = (ptrdiff_t)cut->width, along = cut->along,
                    number = (ptrdiff_t)f->number;
    size_t stage;
    j->pitch = fc_odd_lines(cut->length, f->number);
    FC_TRY(fc_multiply((ptrdiff_t[]){cut->across, width, along}, 3, &j->lines));
    const ptrdiff_t lines = (ptrdiff_t)j->lines;
    FC_TRY(fc_multiply((ptrdiff_t[]){fc_max(lines, length), sizeof(void *)}, 2, &j->pointer_bytes));
    FC_TRY(fc_filter_stage_bytes(f, cut->down ? length : cut->across, cut->down ? cut->across : length,
        cut->down || f->channels == 1 ? FC_ALL_CHANNELS : 0, &stage));
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)stage, cut->down ? 1 : along}, 2, &j->stage_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){cut->down ? lines : 0, (ptrdiff_t)j->pitch, number}, 3, &j->turned_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){lines, cut->outs, number}, 3, &j->outs_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){2 * (ptrdiff_t)j->lanes, length, sizeof(double)}, 3, &j->block_bytes));
    j->pointer_bytes = fc_align_up(j->pointer_bytes);
    j->turned_bytes = fc_align_up(j->turned_bytes);
    j->outs_bytes = fc_align_up(j->outs_bytes);
    j->block_bytes = fc_align_up(j->block_bytes);
    j->room_bytes = fc_align_up(fc_line_room(cut->taps, cut->length) * sizeof(double));
    j->worker_bytes = 2 * j->pointer_bytes + j->stage_bytes + j->turned_bytes + 2 * j->outs_bytes + 2 * j->block_bytes +
        j->room_bytes;
    return FC_OK;
}

/* The kernel's transform, in every lane: tap i lies at cell -i, counted round; in worker 0's memory. */
static void prepare(const job *j) {
    const size_t length = j->cut.length, lanes = j->lanes;
    double *block = space_of(j, 0).block;
    memset(block, 0, j->block_bytes);
    for (size_t i = 0; i < j->cut.taps; i++) {
        const size_t at = (length - i) % length;
        for (size_t row = 0; row < lanes; row++)
            block[(at / lanes * lanes + row) * 2 * lanes + at % lanes] = (double)lanes * fc_filter_tap_part(j->f, i);
    }
    fc_fft_twiddles(length, j->fft->radix, 1, space_of(j, 0).scratch, j->twiddles);
    j->fft->spectrum(&(fc_fft_rows){lanes, length, j->twiddles, block, j->spectrum, NULL, 0, 1, NULL});
}

static fc_status run(const fc_filter *f, const fc_filter_taps *known) {
    job j = {.f = f, .fft = &f->kernels->fft_f64, .lanes = f->kernels->fft_f64.lanes};
    (void)known;
    if (!fc_line_plan(f, &j.cut))
        return FC_BAD_ARGUMENT;
    FC_TRY(measure(&j));
    const size_t workers = fc_parallel_workers(j.cut.tasks, j.cut.cycles * 2 * (double)j.lanes),
                 coarse = fc_align_up(fc_line_coarse_taps(j.cut.taps) * sizeof(double)),
                 twiddles = fc_align_up(2 * j.cut.length * sizeof(double));
    size_t spaces;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)j.worker_bytes}, 2, &spaces));
    unsigned char *memory = fc_scratch_alloc(coarse + twiddles + j.block_bytes + spaces);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    j.twiddles = (double *)(memory + coarse);
    j.spectrum = (double *)(memory + coarse + twiddles);
    j.spaces = memory + coarse + twiddles + j.block_bytes;
    fc_line_know_taps(f, j.cut.taps, (double *)memory, &j.bounds);
    prepare(&j);
    fc_parallel_for(j.cut.tasks, workers, run_task, &j);
    fc_scratch_free(memory);
    return FC_OK;
}

static double cycles(const fc_filter *f, const fc_filter_taps *known) {
    /* Windows of few taps are light beside the error of a transform of the same type, and summed again. */
    static const double MOST = 100, NONE = 400, AGAIN = 2;
    fc_line_cut cut;
    if (!known->finite || !fc_line_plan(f, &cut))
        return -1;
    const double again = f->work == FC_F64 ? fmin(1, fmax(0, (NONE - (double)cut.taps) / (NONE - MOST))) : 0;
    return cut.cycles + again * AGAIN * fc_filter_direct_cycles(f);
}

const fc_filter_algorithm fc_filter_by_line_fft = {"line_fft", cycles, run};
