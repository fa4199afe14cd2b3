/* SPDX-License-Identifier: MIT */
#include "ops/filter/integer_fft.h"

#include <math.h>
#include <string.h>

#include "core/caller.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"

enum { GROUP = FC_FFT_GROUP };
static const size_t MOST_BYTES = (size_t)1 << 30; /* of all workers */

typedef struct job {
    const fc_filter *f;
    const fc_fft *fft;
    fc_fft_cut cut;
    fc_limbs image, taps;
    size_t sides, tasks; /* blocks of a task: two where each is one limb, else one */
    double *row_twiddles, *col_twiddles, *spectra, *zeros;
    size_t spectrum_bytes, block_bytes, scratch_bytes, pointer_bytes, stage_bytes, cells_bytes, sums_bytes, space_bytes;
    unsigned char *spaces;
} job;

typedef struct space {
    double *block, *work, *scratch, *cells[2];
    const void **rows, **parts[2];
    unsigned char *stage;
    uint64_t *sums[2];
} space;

static space space_of(const job *j, size_t worker) {
    unsigned char *p = j->spaces + worker * j->space_bytes;
    space s = {.block = (double *)p};
    s.work = (double *)(p += j->block_bytes);
    s.scratch = (double *)(p += j->block_bytes);
    s.rows = (const void **)(p += j->scratch_bytes);
    s.parts[0] = (const void **)(p += j->pointer_bytes);
    s.parts[1] = (const void **)(p += j->pointer_bytes);
    s.stage = p += j->pointer_bytes;
    s.cells[0] = (double *)(p += j->stage_bytes);
    s.cells[1] = (double *)(p += j->cells_bytes);
    s.sums[0] = (uint64_t *)(p += j->cells_bytes);
    s.sums[1] = (uint64_t *)(p + j->sums_bytes);
    return s;
}

/* Outputs of block `block`, none behind the last one. */
static fc_rect rect_of(const job *j, size_t block) {
    const ptrdiff_t at = (ptrdiff_t)block, row = at % j->cut.down * j->cut.out_rows,
                    col = at / j->cut.down * j->cut.out_cols;
    if (col >= j->f->out_w)
        return (fc_rect){0, 0, 0, 0};
    return (fc_rect){row, col, fc_min(j->cut.out_rows, j->f->out_h - row), fc_min(j->cut.out_cols, j->f->out_w - col)};
}

static fc_fft_columns columns_of(const job *j, const space *s, double *block, size_t col) {
    return (fc_fft_columns){.rows = j->cut.rows,
        .twiddles = j->col_twiddles,
        .block = block + 2 * col * j->cut.rows,
        .strips = fc_least(GROUP, j->cut.cols - col) / j->fft->lanes,
        .re = (void *const *)s->parts[0],
        .im = (void *const *)s->parts[1]};
}

/* Sets the rows of a part to limb i of the cells of a block from column col on; how many columns they are. */
static size_t load_part(const job *j, const space *s, const fc_rect *out, size_t col, int i, size_t part) {
    const fc_filter *f = j->f;
    const ptrdiff_t left = out->rows ? out->cols + f->k_w - 1 - (ptrdiff_t)col : 0,
                    cols = fc_min(fc_max(left, 0), GROUP);
    const size_t count = cols ? (size_t)(out->rows + f->k_h - 1) : 0;
    if (count)
        fc_filter_source(f, (fc_rect){out->row + f->top, out->col + f->left + (ptrdiff_t)col, (ptrdiff_t)count, cols},
            FC_ALL_CHANNELS, s->rows, s->stage);
    for (size_t r = 0; r < count; r++) {
        s->parts[part][r] = s->cells[part] + r * GROUP;
        fc_limbs_read(f, &j->image, i, s->rows[r], (size_t)cols, s->cells[part] + r * GROUP);
    }
    for (size_t r = count; r < j->cut.rows; r++)
        s->parts[part][r] = j->zeros;
    return (size_t)cols;
}

/* Transforms along columns: limb 0 of both blocks, or limbs i and i + 1 of one. */
static void load(const job *j, const space *s, const fc_rect *out, int i) {
    for (size_t col = 0; col < j->cut.cols; col += GROUP) {
        fc_fft_columns columns = columns_of(j, s, s->block, col);
        columns.re_cols = load_part(j, s, &out[0], col, i, 0);
        columns.im_cols = j->sides == 2 ? load_part(j, s, &out[1], col, 0, 1) : load_part(j, s, &out[0], col, i + 1, 1);
        j->fft->forward(&columns);
    }
}

/* sums += the whole numbers nearest to a row of results, shifted. Adding a number whose last digit is a unit rounds. */
static void add_row(const double *row, size_t n, int shift, uint64_t *sums) {
    const double unit = 0x1.8p52;
    uint64_t zero;
    memcpy(&zero, &unit, sizeof zero);
    for (size_t c = 0; c < n; c++) {
        const double rounded = row[c] + unit;
        uint64_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        sums[c] += (bits - zero) << shift;
    }
}

/* Transforms back and adds real and imaginary parts, shifted, where they count; out: of both parts. */
static void add(const job *j, const space *s, double *block, const fc_rect *out, const int *shifts) {
    const int modulus = fc_limbs_modulus(j->f) == 1 ? 64 : fc_limbs_modulus(j->f);
    for (size_t part = 0; part < 2; part++)
        for (ptrdiff_t r = 0; r < out[part].rows; r++)
            s->parts[part][r] = s->cells[part] + r * GROUP;
    for (size_t col = 0; (ptrdiff_t)col < fc_max(out[0].cols, out[1].cols); col += GROUP) {
        fc_fft_columns columns = columns_of(j, s, block, col);
        const ptrdiff_t cols[] = {fc_min(fc_max(out[0].cols - (ptrdiff_t)col, 0), GROUP),
            fc_min(fc_max(out[1].cols - (ptrdiff_t)col, 0), GROUP)};
        columns.re_cols = (size_t)cols[0];
        columns.im_cols = (size_t)cols[1];
        columns.re_rows = (size_t)out[0].rows;
        columns.im_rows = (size_t)out[1].rows;
        columns.strips = fc_least(columns.strips, fc_parts((size_t)fc_max(cols[0], cols[1]), j->fft->lanes));
        j->fft->inverse(&columns);
        for (size_t part = 0; part < 2; part++)
            for (ptrdiff_t r = 0; r < out[part].rows && shifts[part] < modulus; r++)
                add_row(s->cells[part] + r * GROUP, (size_t)cols[part], shifts[part],
                    s->sums[part % j->sides] + (size_t)r * (size_t)j->cut.out_cols + col);
    }
}

/* Products of the block with limb k of the kernel; the block is kept for the next one. */
static void multiply(const job *j, const space *s, int k, int last, double **product) {
    double energy[2] = {0, 0};
    *product = last ? s->block : s->work;
    if (!last)
        memcpy(s->work, s->block, j->block_bytes);
    j->fft->filter(&(fc_fft_rows){j->cut.rows, j->cut.cols, j->row_twiddles, *product,
        j->spectra + (size_t)k * (j->spectrum_bytes / sizeof(double)), s->scratch, 0, j->cut.rows / j->fft->lanes,
        energy});
}

static void store(const job *j, const space *s, size_t side, const fc_rect *out) {
    const size_t pitch = (size_t)j->cut.out_cols;
    for (ptrdiff_t r = 0; r < out->rows; r++) {
        fc_limbs_write(j->f, s->sums[side] + (size_t)r * pitch, (size_t)out->cols, s->cells[0]);
        fc_filter_store(
            j->f, (fc_rect){out->row + r, out->col, 1, out->cols}, FC_ALL_CHANNELS, s->cells[0], (size_t)out->cols);
    }
}

static void run_task(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const space s = space_of(j, worker);
    const fc_rect first = rect_of(j, task * j->sides),
                  second = j->sides == 2 ? rect_of(j, task * j->sides + 1) : (fc_rect){0, 0, 0, 0};
    const fc_rect blocks[] = {first, second}, parts[] = {first, j->image.count > 1 ? first : second};
    const int modulus = fc_limbs_modulus(j->f);
    for (size_t side = 0; side < j->sides; side++)
        memset(s.sums[side], 0, j->sums_bytes);
    for (int i = 0; i < j->image.count && !fc_interrupted(); i += 2) {
        const int lowest = i * j->image.bits;
        load(j, &s, blocks, i);
        for (int k = 0; k < j->taps.count && lowest + k * j->taps.bits < modulus; k++) {
            const int shift = lowest + k * j->taps.bits,
                      last = k + 1 == j->taps.count || shift + j->taps.bits >= modulus;
            double *product;
            multiply(j, &s, k, last, &product);
            add(j, &s, product, parts, (int[]){shift, j->image.count > 1 ? shift + j->image.bits : shift});
        }
    }
    for (size_t side = 0; side < j->sides; side++)
        store(j, &s, side, &blocks[side]);
    fc_filter_stored(j->f);
}

/* Transforms limb k of the kernel: tap (i, c) lies at cell (-i, -c), counted round the block. */
static void transform_taps(void *job_, size_t k, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const space s = space_of(j, worker);
    const size_t rows = j->cut.rows, cols = j->cut.cols, number = f->number;
    for (size_t from = 0; from < cols; from += GROUP) {
        const size_t width = fc_least(GROUP, cols - from);
        for (size_t r = 0; r < rows; r++)
            s.parts[0][r] = s.parts[1][r] = j->zeros;
        for (size_t i = 0; i < (size_t)f->k_h; i++) {
            double *row = s.cells[0] + i * GROUP;
            s.parts[0][(rows - i) % rows] = row;
            memset(row, 0, GROUP * sizeof *row);
            for (size_t c = 0; c < (size_t)f->k_w; c++) {
                const size_t at = (cols - c) % cols;
                const void *tap = (const unsigned char *)f->kernel + (i * (size_t)f->k_w + c) * number;
                if (at >= from && at < from + width)
                    fc_limbs_read(f, &j->taps, (int)k, tap, 1, row + at - from);
            }
        }
        fc_fft_columns columns = columns_of(j, &s, s.block, from);
        columns.re_cols = width;
        columns.im_cols = width;
        j->fft->forward(&columns);
    }
    j->fft->spectrum(&(fc_fft_rows){rows, cols, j->row_twiddles, s.block,
        j->spectra + k * (j->spectrum_bytes / sizeof(double)), NULL, 0, rows / j->fft->lanes, NULL});
}

static fc_status measure(job *j) {
    const fc_filter *f = j->f;
    const ptrdiff_t rows = (ptrdiff_t)j->cut.rows, cols = (ptrdiff_t)j->cut.cols;
    FC_TRY(fc_multiply((ptrdiff_t[]){2, rows, cols, sizeof(double)}, 4, &j->block_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){2, (ptrdiff_t)j->fft->lanes, cols, sizeof(double)}, 4, &j->scratch_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, sizeof(void *)}, 2, &j->pointer_bytes));
    FC_TRY(fc_filter_stage_bytes(f, rows, GROUP, FC_ALL_CHANNELS, &j->stage_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, GROUP, sizeof(double)}, 3, &j->cells_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){j->cut.out_rows, j->cut.out_cols, sizeof(uint64_t)}, 3, &j->sums_bytes));
    j->block_bytes = fc_align_up(j->block_bytes);
    j->spectrum_bytes = j->block_bytes;
    j->scratch_bytes = fc_align_up(j->scratch_bytes);
    j->pointer_bytes = fc_align_up(j->pointer_bytes);
    /* A row of results is written over the cells, whatever its length. */
    j->cells_bytes = fc_align_up(fc_max((ptrdiff_t)j->cells_bytes, cols * (ptrdiff_t)sizeof(double)));
    j->sums_bytes = fc_align_up(j->sums_bytes);
    j->space_bytes = 2 * j->block_bytes + j->scratch_bytes + 3 * j->pointer_bytes + fc_align_up(j->stage_bytes) +
        2 * j->cells_bytes + 2 * j->sums_bytes;
    j->stage_bytes = fc_align_up(j->stage_bytes);
    return FC_OK;
}

/* Bits of the image's numbers and of what lies outside of it; of all numbers of the type where it is not known. */
static int image_width(const fc_filter *f) {
    if (!f->image)
        return fc_limbs_modulus(f) == 1 ? 2 : fc_limbs_modulus(f);
    const int inside = fc_limbs_width(f, f->image, (size_t)(f->h * f->w)),
              outside = f->fill && f->boundary == FC_FILL ? fc_limbs_width(f, f->fill, 1) : 1;
    return inside > outside ? inside : outside;
}

/* The cut into blocks, as of doubles; 0 for what is not of integers. */
static int plan(const fc_filter *f, fc_fft_cut *cut) {
    fc_filter floats = *f;
    floats.work = FC_F64;
    floats.number = sizeof(double);
    return f->work < FC_F16 && f->image_type == f->work && f->result == f->work && f->channels == 1 &&
        fc_fft_plan(&floats, cut);
}

static fc_status run(const fc_filter *f, const fc_filter_taps *known) {
    job j = {.f = f, .fft = &f->kernels->fft_f64};
    (void)known;
    if (!plan(f, &j.cut))
        return FC_BAD_ARGUMENT;
    const int taps_width = fc_limbs_width(f, f->kernel, (size_t)(f->k_h * f->k_w));
    if (fc_limbs_choose(f, &j.cut, image_width(f), taps_width, &j.image, &j.taps) < 0)
        return fc_filter_by_direct.run(f, known);
    j.sides = j.image.count > 1 ? 1 : 2;
    j.tasks = fc_parts((size_t)(j.cut.down * j.cut.across), j.sides);
    FC_TRY(measure(&j));
    size_t workers = fc_parallel_workers(j.tasks, j.cut.cycles * 2 * (double)j.fft->lanes);
    while (workers > 1 && workers * j.space_bytes > MOST_BYTES)
        workers--;
    const size_t zeros = GROUP * sizeof(double), row_twiddles = fc_align_up(2 * j.cut.cols * sizeof(double)),
                 col_twiddles = fc_align_up(2 * j.cut.rows * sizeof(double)),
                 spectra = (size_t)j.taps.count * j.spectrum_bytes;
    size_t spaces;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)j.space_bytes}, 2, &spaces));
    unsigned char *memory = fc_scratch_alloc(zeros + row_twiddles + col_twiddles + spectra + spaces);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    j.zeros = (double *)memory;
    j.row_twiddles = (double *)(memory + zeros);
    j.col_twiddles = (double *)(memory + zeros + row_twiddles);
    j.spectra = (double *)(memory + zeros + row_twiddles + col_twiddles);
    j.spaces = memory + zeros + row_twiddles + col_twiddles + spectra;
    memset(j.zeros, 0, zeros);
    fc_fft_twiddles(j.cut.cols, j.fft->radix, 1, space_of(&j, 0).block, j.row_twiddles);
    fc_fft_twiddles(j.cut.rows, j.fft->radix, 1, space_of(&j, 0).block, j.col_twiddles);
    fc_parallel_for((size_t)j.taps.count, fc_least((size_t)j.taps.count, workers), transform_taps, &j);
    fc_parallel_for(j.tasks, workers, run_task, &j);
    fc_scratch_free(memory);
    return FC_OK;
}

/*
 * The numbers are looked at only where transforms of one limb would be cheaper than the direct sums. Nothing is
 * weighed, so that one limb takes less than floats do; to cut numbers takes as much again. Measured with AVX-512.
 */
static double cycles(const fc_filter *f, const fc_filter_taps *known) {
    static const double MOVED = 8, PLAIN = 0.6; /* in and out, a number; of a transform of floats */
    fc_fft_cut cut;
    fc_limbs image, taps;
    (void)known;
    if (!plan(f, &cut))
        return -1;
    const double moved = MOVED * (double)f->out_h * (double)f->out_w;
    if (PLAIN * cut.cycles + moved >= fc_filter_direct_cycles(f))
        return PLAIN * cut.cycles + moved;
    const int taps_width = fc_limbs_width(f, f->kernel, (size_t)(f->k_h * f->k_w));
    const double cost = fc_limbs_choose(f, &cut, image_width(f), taps_width, &image, &taps);
    return cost < 0 ? -1 : cost * cut.cycles * (cost > 1 ? 1 : PLAIN) + moved;
}

const fc_filter_algorithm fc_filter_by_integer_fft = {"integer_fft", cycles, run};
