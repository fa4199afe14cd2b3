/* SPDX-License-Identifier: MIT */
/*
 * Sums of windows of bytes under equal taps, each from its neighbour. A task goes down a band of rows: the sums of its
 * columns take in one row and let go of another, are continued over the borders, and slide along the row. In integers,
 * so that nothing is rounded on the way.
 */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

enum {
    TALLEST = UINT16_MAX / UINT8_MAX, /* column of bytes whose sum has 16 bits */
    TASKS = 16,     /* at most; a band of rows is as high as the windows, whose first sums it adds up */
    OPERATIONS = 12 /* on a vector of floats */
};

typedef struct job {
    const fc_filter *f;
    ptrdiff_t band, width;    /* rows of a task, numbers of a row of sums */
    ptrdiff_t inside, behind; /* pixels of a window's row from the image's first and from behind its last on */
    const ptrdiff_t *outside; /* for these before and behind, the pixel of the image that is there, or -1 */
    size_t sums_bytes, line_bytes, worker_bytes;
    unsigned char *scratch;
} job;

/* The row of the image under the windows' row y, or a row of fill values. */
static const uint8_t *source(const fc_filter *f, ptrdiff_t y, uint8_t *fill) {
    const ptrdiff_t at = fc_filter_folded(y, f->h, f->boundary);
    return at < 0 ? fill : (const uint8_t *)f->image + at * f->w * f->channels;
}

/* One channel of the sums of the image's columns, as long as windows reach. */
static const uint16_t *continued(const job *j, const uint16_t *sums, ptrdiff_t channel, uint16_t fill, uint16_t *line) {
    const fc_filter *f = j->f;
    const ptrdiff_t step = f->channels, *outside = j->outside;
    const uint16_t *from = sums + channel;
    if (step == 1)
        memcpy(line + j->inside, from, (size_t)(j->behind - j->inside) * sizeof *line);
    else
        for (ptrdiff_t i = j->inside; i < j->behind; i++)
            line[i] = from[(i - j->inside) * step];
    for (ptrdiff_t i = 0; i < j->inside; i++, outside++)
        line[i] = *outside < 0 ? fill : from[*outside * step];
    for (ptrdiff_t i = j->behind; i < j->width; i++, outside++)
        line[i] = *outside < 0 ? fill : from[*outside * step];
    return line;
}

static void run_task(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const size_t numbers = (size_t)(f->w * f->channels);
    unsigned char *p = j->scratch + worker * j->worker_bytes;
    uint16_t *sums = (uint16_t *)p, *line = (uint16_t *)(p + j->sums_bytes);
    float *results = (float *)(p + j->sums_bytes + j->line_bytes);
    uint8_t *fill = p + j->worker_bytes - fc_align_up(numbers);
    const ptrdiff_t first = (ptrdiff_t)task * j->band, end = fc_min(first + j->band, f->out_h);
    memset(sums, 0, numbers * sizeof *sums);
    memset(fill, f->boundary == FC_FILL && f->fill ? f->fill_byte : 0, numbers);
    for (ptrdiff_t i = 0; i < f->k_h - 1; i++)
        f->kernels->slide_columns(source(f, first + f->top + i, fill), NULL, sums, numbers);
    for (ptrdiff_t row = first; row < end; row++) {
        const ptrdiff_t top = row + f->top;
        f->kernels->slide_columns(
            source(f, top + f->k_h - 1, fill), row > first ? source(f, top - 1, fill) : NULL, sums, numbers);
        for (ptrdiff_t channel = 0; channel < f->channels; channel++) {
            const uint16_t *columns = continued(j, sums, channel, (uint16_t)(*fill * f->k_h), line);
            f->kernels->slide_rows(columns, (size_t)f->k_w, *(const float *)f->kernel, results, (size_t)f->out_w);
            fc_filter_store(f, (fc_rect){row, 0, 1, f->out_w}, f->channels == 1 ? FC_ALL_CHANNELS : channel, results,
                (size_t)f->out_w);
        }
    }
    fc_filter_stored(f);
}

int fc_filter_slides(const fc_filter *f) {
    return f->reads && f->work == FC_F32 && f->k_h <= TALLEST && f->k_w <= INT32_MAX / (UINT8_MAX * TALLEST) &&
        f->left <= 0 && f->out_w == f->w;
}

double fc_filter_slide_cycles(const fc_filter *f) {
    return fc_filter_sums_cycles(f, OPERATIONS * (1 + (double)f->k_h / 64));
}

fc_status fc_filter_slide(const fc_filter *f) {
    job j = {.f = f, .width = f->out_w + f->k_w - 1, .inside = -f->left, .behind = f->w - f->left};
    ptrdiff_t bands = TASKS;
    while (bands > 1 && f->out_h / bands < f->k_h)
        bands /= 2;
    j.band = fc_ceil_div(f->out_h, bands);
    const size_t tasks = (size_t)fc_ceil_div(f->out_h, j.band), outside = (size_t)(j.width - (j.behind - j.inside));
    const size_t workers = fc_parallel_workers(
        tasks, 2.0 * OPERATIONS * (double)(f->out_h * f->channels) * (double)f->out_w);
    const size_t bytes = fc_align_up(outside * sizeof *j.outside);
    FC_TRY(fc_multiply((ptrdiff_t[]){f->w, f->channels, sizeof(uint16_t)}, 3, &j.sums_bytes));
    j.sums_bytes = fc_align_up(j.sums_bytes);
    j.line_bytes = fc_align_up((size_t)j.width * sizeof(uint16_t));
    j.worker_bytes = j.sums_bytes + j.line_bytes + fc_align_up((size_t)f->out_w * sizeof(float)) +
        fc_align_up((size_t)(f->w * f->channels));
    size_t scratch_bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)j.worker_bytes}, 2, &scratch_bytes));
    unsigned char *memory = fc_scratch_alloc(bytes + scratch_bytes);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    ptrdiff_t *table = (ptrdiff_t *)memory;
    for (ptrdiff_t i = 0; i < j.width; i++)
        if (i < j.inside || i >= j.behind)
            *table++ = fc_filter_folded(i + f->left, f->w, f->boundary);
    j.outside = (const ptrdiff_t *)memory;
    j.scratch = memory + bytes;
    fc_parallel_for(tasks, workers, run_task, &j);
    fc_scratch_free(memory);
    return FC_OK;
}
