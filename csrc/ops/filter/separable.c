/* SPDX-License-Identifier: MIT */
/*
 * Kernels that are a product of a column and a row, or a sum of few such: a pass down the columns, straight from the
 * source rows, then one along the rows. Both go a few rows and a piece of columns at a time, so that what lies between
 * them stays in L1, and so do the sums where they are yet to be rounded.
 *
 * An infinity or NaN spreads over its column's window and from there along its row's: over its whole window, as by the
 * definition. Where several products are added, one's inf and another's -inf could meet in a NaN: rectangles with bad
 * numbers are then run directly.
 */
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

enum { PIECE_BYTES = 2048, LINE_BYTES = 64 };

size_t fc_filter_passes_bytes(const fc_filter_passes *p) { return p->pointer_bytes + p->lines_bytes + p->sums_bytes; }

/* A worker's memory: pointers to rows, `rank` rows of sums down the columns for each row of outputs, and the outputs'
 * own sums. */
typedef struct space {
    const void **pointers;
    unsigned char *lines, *sums;
} space;

static unsigned char *line(const fc_filter *f, const fc_filter_passes *p, const space *s, size_t i) {
    return s->lines + i * p->pitch * f->number;
}

/* Sums down the columns of `count` numbers from number `at` of the rows on, for n rows of outputs, to the lines from
 * number `to` on. */
static void sum_columns(const fc_filter *f, const fc_filter_passes *p, const space *s, const void *const *rows,
    size_t n, size_t ahead, size_t at, size_t count, size_t to) {
    const size_t sources = n + (size_t)f->k_h - 1 + ahead;
    for (size_t i = 0; i < sources; i++)
        s->pointers[i] = (const unsigned char *)rows[i] + at * f->cell;
    for (size_t r = 0; r < p->rank; r++)
        f->run(&(fc_convolve2d_block){.taps = p->columns + r * (size_t)f->k_h * f->number,
            .k_h = (size_t)f->k_h,
            .k_w = 1,
            .step = 1,
            .rows = s->pointers,
            .n_rows = n,
            .n_cols = count,
            .ahead = r ? 0 : ahead,
            .out = line(f, p, s, r) + to * f->number,
            .out_pitch = p->rank * p->pitch});
}

/* Sums of n x `count` outputs along the lines; those of all products lie below each other, as cells of a kernel of
 * `rank` rows. */
static void sum_rows(const fc_filter *f, const fc_filter_passes *p, const space *s, size_t n, size_t count,
    unsigned char *out, size_t pitch, int streams) {
    const size_t together = p->rank > 1 ? 1 : n;
    for (size_t i = 0; i < n * p->rank; i++)
        s->pointers[i] = line(f, p, s, i);
    for (size_t i = 0; i < n; i += together)
        f->sum(&(fc_convolve2d_block){.taps = p->rows,
            .k_h = p->rank,
            .k_w = (size_t)f->k_w,
            .step = (size_t)f->channels,
            .rows = s->pointers + i * p->rank,
            .n_rows = together,
            .n_cols = count,
            .out = out + i * pitch * f->number,
            .out_pitch = pitch,
            .streams = streams});
}

void fc_filter_pass(
    const fc_filter *f, const fc_filter_passes *p, fc_rect rect, const void *const *rows, void *place, void *scratch) {
    const size_t channels = (size_t)f->channels, numbers = (size_t)rect.cols * channels,
                 reach = (size_t)(f->k_w - 1) * channels;
    const space s = {scratch, (unsigned char *)scratch + p->pointer_bytes,
        (unsigned char *)scratch + p->pointer_bytes + p->lines_bytes};
    const size_t pitch = place ? (size_t)f->out_w * channels : p->piece;
    for (size_t row = 0, n; row < (size_t)rect.rows; row += n) {
        n = fc_least(FC_FILTER_ROWS, (size_t)rect.rows - row);
        const size_t ahead = fc_least(FC_FILTER_ROWS, (size_t)rect.rows - row - n);
        for (size_t at = 0, count; at < numbers; at += count) {
            /* The lines of the piece before end with what this one begins with. */
            const size_t kept = at ? reach : 0;
            count = fc_least(p->piece, numbers - at);
            for (size_t i = 0; at && i < n * p->rank; i++)
                memmove(line(f, p, &s, i), line(f, p, &s, i) + p->piece * f->number, reach * f->number);
            sum_columns(f, p, &s, rows + row, n, ahead, at + kept, count + reach - kept, kept);
            sum_rows(f, p, &s, n, count, place ? (unsigned char *)place + (row * pitch + at) * f->number : s.sums,
                pitch, place && f->streams);
            if (!place)
                fc_filter_store(f,
                    (fc_rect){rect.row + (ptrdiff_t)row, rect.col + (ptrdiff_t)(at / channels), (ptrdiff_t)n,
                        (ptrdiff_t)(count / channels)},
                    FC_ALL_CHANNELS, s.sums, pitch);
        }
    }
}

static fc_status measure(const fc_filter *f, fc_filter_passes *p) {
    const size_t pixel = (size_t)f->channels * f->number, rows = FC_FILTER_ROWS * p->rank,
                 wanted = PIECE_BYTES / f->number;
    p->piece = wanted / (size_t)f->channels * (size_t)f->channels;
    if (!p->piece)
        p->piece = (size_t)f->channels;
    size_t reach;
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_w - 1, (ptrdiff_t)pixel}, 2, &reach));
    p->pitch = (fc_align_up(p->piece * f->number + reach) + LINE_BYTES) / f->number;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)p->pitch, (ptrdiff_t)f->number, (ptrdiff_t)rows}, 3, &p->lines_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h + 2 * (ptrdiff_t)rows, sizeof(void *)}, 2, &p->pointer_bytes));
    p->lines_bytes = fc_align_up(p->lines_bytes);
    p->pointer_bytes = fc_align_up(p->pointer_bytes);
    p->sums_bytes = fc_align_up(FC_FILTER_ROWS * p->piece * f->number);
    return FC_OK;
}

static fc_status run(const fc_filter *f, const fc_filter_taps *known) {
    fc_filter_passes p = {.rank = known->rank};
    FC_TRY(measure(f, &p));
    const size_t column = (size_t)f->k_h * f->number, row = (size_t)f->k_w * f->number;
    unsigned char *columns = fc_scratch_alloc(p.rank * (column + row));
    if (!columns)
        return FC_OUT_OF_MEMORY;
    unsigned char *rows = columns + p.rank * column;
    for (size_t r = 0; r < p.rank; r++)
        fc_filter_pack_taps(f, (const unsigned char *)known->columns + r * f->number, known->most, (size_t)f->k_h, 1,
            columns + r * column);
    fc_filter_pack_taps(f, known->rows, (size_t)f->k_w, p.rank, (size_t)f->k_w, rows);
    p.columns = columns;
    p.rows = rows;
    const fc_status status = fc_filter_rectangles(f, NULL, &p);
    fc_scratch_free(columns);
    return status;
}

static double cycles(const fc_filter *f, const fc_filter_taps *known) {
    return known->rank ? fc_filter_sums_cycles(f, (double)known->rank * fc_filter_pass_work(f)) : -1;
}

const fc_filter_algorithm fc_filter_by_separable = {"separable", cycles, run};
