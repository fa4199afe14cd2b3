/* SPDX-License-Identifier: MIT */
/* Outputs too light for a transform of the whole image, whose windows hold few of its cells: summed over these. */
#include "core/caller.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft_whole.h"

enum { ROWS = 16 }; /* of outputs, a task */

/* The taps that any of these outputs meets the image with. */
static fc_rect taps_met(const fc_filter *f, fc_rect out) {
    const ptrdiff_t row = out.row + f->top, col = out.col + f->left;
    const fc_rect taps = {fc_max(1 - row - out.rows, 0), fc_max(1 - col - out.cols, 0), fc_min(f->k_h, f->h - row),
        fc_min(f->k_w, f->w - col)};
    return (fc_rect){taps.row, taps.col, fc_max(taps.rows - taps.row, 0), fc_max(taps.cols - taps.col, 0)};
}

/* The light outputs of a row of a group. */
static fc_rect light(const fc_filter *f, const fc_fft_span *spans, size_t group, size_t row) {
    const fc_fft_span s = spans[group * (size_t)f->out_h + row];
    return (fc_rect){(ptrdiff_t)row, (ptrdiff_t)(group * FC_FFT_GROUP) + s.first, 1, s.end - s.first};
}

double fc_fft_light_products(const fc_filter *f, const fc_fft_span *spans, size_t groups) {
    double products = 0;
    for (size_t group = 0; group < groups; group++)
        for (size_t row = 0; row < (size_t)f->out_h; row++) {
            const fc_rect out = light(f, spans, group, row), taps = taps_met(f, out);
            products += (double)out.cols * (double)taps.rows * (double)taps.cols;
        }
    return products;
}

/* The same filter of some of the taps. */
static fc_filter part_of(const fc_filter *f, fc_rect taps) {
    fc_filter part = *f;
    part.top += taps.row;
    part.left += taps.col;
    part.k_h = taps.rows;
    part.k_w = taps.cols;
    return part;
}

typedef struct job {
    const fc_filter *f;
    const fc_fft_span *spans;
    size_t bands, direct_bytes, space_bytes;
    unsigned char *spaces;
} job;

static void sum_row(const job *j, fc_rect out, unsigned char *space) {
    const fc_rect taps = taps_met(j->f, out);
    const fc_filter part = part_of(j->f, taps);
    unsigned char *packed = space + j->direct_bytes;
    const unsigned char *first = (const unsigned char *)j->f->kernel +
        (size_t)(taps.row * j->f->k_w + taps.col) * j->f->number;
    fc_filter_pack_taps(&part, first, (size_t)j->f->k_w, (size_t)taps.rows, (size_t)taps.cols, packed);
    fc_filter_direct(&part, packed, out, FC_ALL_CHANNELS, space);
}

static void sum_task(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const size_t group = task / j->bands, from = task % j->bands * ROWS;
    for (size_t row = from; row < fc_least(from + ROWS, (size_t)j->f->out_h) && !fc_interrupted(); row++) {
        const fc_rect out = light(j->f, j->spans, group, row);
        if (out.cols)
            sum_row(j, out, j->spaces + worker * j->space_bytes);
    }
    fc_filter_stored(j->f);
}

fc_status fc_fft_sum_light(const fc_filter *f, const fc_fft_span *spans, size_t groups) {
    job j = {.f = f, .spans = spans, .bands = fc_parts((size_t)f->out_h, ROWS)};
    const double products = fc_fft_light_products(f, spans, groups);
    size_t taps_bytes, spaces_bytes;
    if (products == 0)
        return FC_OK;
    const size_t tasks = groups * j.bands, workers = fc_parallel_workers(tasks, 2 * products);
    FC_TRY(fc_filter_direct_bytes(f, 1, FC_FFT_GROUP, FC_ALL_CHANNELS, &j.direct_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h, f->k_w, (ptrdiff_t)f->number}, 3, &taps_bytes));
    j.direct_bytes = fc_align_up(j.direct_bytes);
    j.space_bytes = j.direct_bytes + fc_align_up(taps_bytes);
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)j.space_bytes}, 2, &spaces_bytes));
    if (!(j.spaces = fc_scratch_alloc(spaces_bytes)))
        return FC_OUT_OF_MEMORY;
    fc_parallel_for(tasks, workers, sum_task, &j);
    fc_scratch_free(j.spaces);
    return FC_OK;
}
