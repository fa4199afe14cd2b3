/* SPDX-License-Identifier: MIT */
/*
 * Filters by Fourier transforms of blocks; a task is one transform: two blocks of real cells, or one of complex ones
 * (fft_block.c).
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "ops/filter/fft_job.h"
#include "ops/filter/fft_whole.h"

enum { GROUP = FC_FFT_GROUP };
enum { SPREAD = 9 };                              /* rows or columns of taps, from which errors are as measured */
enum { PROBED = 32, LEAST_PROBES = 3 };           /* one of so many tasks tells whether most are too light */
static const size_t MOST_BYTES = (size_t)1 << 30; /* of all workers */

static fc_fft_space space_of(const fc_fft_job *j, size_t worker) {
    unsigned char *at = j->spaces + worker * j->space_bytes;
    fc_fft_space s = {.block = at, .scratch = at + j->block_bytes};
    at = s.scratch + j->scratch_bytes;
    s.sorted = (size_t *)at;
    s.turned = (int *)(s.sorted + 1);
    s.places = (fc_sparse_place *)(at + FC_ALIGNMENT);
    s.sizes = (unsigned char *)s.places + j->places_bytes;
    s.backwards = s.sizes + j->sizes_bytes;
    s.taken = (fc_fft_cells *)(s.backwards + j->sizes_bytes);
    s.of_rows = (double *)((unsigned char *)s.taken + fc_align_up(sizeof *s.taken));
    s.of_cols = s.of_rows + j->cut.rows;
    at = (unsigned char *)s.of_rows + j->squares_bytes;
    const size_t side_bytes = j->pointers_bytes + j->stage_bytes + j->cells_bytes + 2 * j->shift_bytes +
        j->bounds_bytes;
    for (size_t side = 0; side < 2; side++, at += side_bytes) {
        s.rows[side] = (const void **)at;
        s.stage[side] = at + j->pointers_bytes;
        s.cells[side] = s.stage[side] + j->stage_bytes;
        s.shift[side] = s.cells[side] + j->cells_bytes;
        s.bare[side] = s.shift[side] + j->shift_bytes;
        fc_fft_place_bounds(&j->tiling, s.bare[side] + j->shift_bytes, &s.bounds[side]);
    }
    return s;
}

static fc_fft_blocks blocks_of(const fc_fft_job *j, size_t task) {
    const fc_filter *f = j->f;
    fc_fft_blocks b = {.channel = f->channels == 1 ? FC_ALL_CHANNELS : (ptrdiff_t)(task % (size_t)f->channels)};
    for (size_t side = 0; side < j->sides; side++) {
        const ptrdiff_t block = (ptrdiff_t)(task / (size_t)f->channels * j->sides + side);
        const ptrdiff_t row = block % j->cut.down * j->cut.out_rows, col = block / j->cut.down * j->cut.out_cols;
        if (col < f->out_w)
            b.rect[side] = (fc_rect){
                row, col, fc_min(j->cut.out_rows, f->out_h - row), fc_min(j->cut.out_cols, f->out_w - col)};
    }
    return b;
}

fc_fft_columns fc_fft_columns_of(const fc_fft_job *j, const fc_fft_space *s, size_t col, const ptrdiff_t *cols) {
    return (fc_fft_columns){
        .rows = j->cut.rows,
        .twiddles = j->col_twiddles,
        .block = s->block + 2 * col * j->cut.rows * j->part,
        .strips = fc_least(GROUP, j->cut.cols - col) / j->fft->lanes,
        .re_cols = (size_t)cols[0],
        .im_cols = (size_t)cols[1],
        .re = (void *const *)s->rows[0],
        .im = j->sides == 2 ? (void *const *)s->rows[1] : NULL,
        .re_shift = j->sides == 2 ? s->shift[0] : NULL,
        .im_shift = j->sides == 2 ? s->shift[1] : NULL,
    };
}

static void run_task(void *job_, size_t at, size_t worker) {
    const fc_fft_job *j = job_;
    const size_t task = j->list ? j->list[at] : at;
    fc_fft_space s = space_of(j, worker);
    const fc_fft_blocks b = blocks_of(j, task);
    const fc_fft_end end = fc_fft_run_blocks(j, &s, &b);
    if (j->ends)
        j->ends[task] = (unsigned char)end;
    fc_filter_stored(j->f);
}

/* n taps, or their parts, from `tap` down, as the transform has them. */
#define TURN(T, U)                         \
    for (size_t i = 0; i < n; i++)         \
        for (size_t k = 0; k < parts; k++) \
            ((U *)to)[i * parts + k] = (U)((const T *)tap - i * parts)[k];
static void turn_taps(const fc_fft_job *j, const void *tap, size_t n, void *to) {
    const size_t parts = 1 + (size_t)fc_filter_is_complex(j->f->work);
    if (j->wide) {
        TURN(float, double)
    } else if (j->part == sizeof(float)) {
        TURN(float, float)
    } else {
        TURN(double, double)
    }
}
#undef TURN

/*
 * Tap k of a row of the kernel lies at cell -k, counted round the block: the first one at cell 0, the others in the
 * last cells. Whether some of cells [from, from + width) hold taps.
 */
static int holds_taps(const fc_fft_job *j, size_t from, size_t width) {
    return from == 0 || from + width + (size_t)j->f->k_w > j->cut.cols + 1;
}

/* Cells [from, from + width) of a row of the kernel. */
static void put_taps(const fc_fft_job *j, size_t row, size_t from, size_t width, unsigned char *to) {
    const size_t k_w = (size_t)j->f->k_w, number = j->f->number, last = j->cut.cols + 1 - k_w, end = from + width,
                 first = fc_least(last > from ? last
                         : from > 0           ? from
                                              : 1,
                     end);
    const unsigned char *taps = (const unsigned char *)j->f->kernel + row * k_w * number;
    memset(to, 0, width * j->cell);
    if (from == 0)
        turn_taps(j, taps, 1, to);
    if (first < end)
        turn_taps(j, taps + (j->cut.cols - first) * number, end - first, to + (first - from) * j->cell);
}

/* Strip `task` of the kernel: tap (i, k) lies at cell (-i, -k), counted round the block. */
static void transform_taps(void *job_, size_t task, size_t worker) {
    const fc_fft_job *j = job_;
    const fc_fft_space s = space_of(j, worker), first = space_of(j, 0);
    const size_t rows = j->cut.rows, width = j->fft->lanes, from = task * width, row_bytes = width * j->cell;
    unsigned char *strip = first.block + 2 * from * rows * j->part;
    if (!holds_taps(j, from, width)) {
        memset(strip, 0, 2 * width * rows * j->part);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        s.rows[0][r] = s.rows[1][r] = j->zeros;
    for (size_t i = 0; i < (size_t)j->f->k_h; i++) {
        unsigned char *row = s.cells[0] + i * row_bytes;
        s.rows[0][(rows - i) % rows] = row;
        put_taps(j, i, from, width, row);
    }
    fc_fft_columns columns = fc_fft_columns_of(j, &s, from, (ptrdiff_t[]){(ptrdiff_t)width, (ptrdiff_t)width});
    columns.block = strip;
    columns.strips = 1;
    columns.re_shift = columns.im_shift = NULL;
    j->fft->forward(&columns);
}

static void transform_tap_rows(void *job_, size_t task, size_t worker) {
    const fc_fft_job *j = job_;
    const fc_fft_rows rows = {
        j->cut.rows, j->cut.cols, j->row_twiddles, space_of(j, 0).block, j->spectrum, NULL, task, task + 1, NULL};
    (void)worker;
    j->fft->spectrum(&rows);
}

/* Sizes of a worker's memory. */
static fc_status measure(fc_fft_job *j) {
    const fc_filter *f = j->f;
    const ptrdiff_t rows = (ptrdiff_t)j->cut.rows, cols = (ptrdiff_t)j->cut.cols, part = (ptrdiff_t)j->part;
    const ptrdiff_t channel = f->channels == 1 ? FC_ALL_CHANNELS : 0;
    size_t direct_bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){2, rows, cols, part}, 4, &j->block_bytes));
    FC_TRY(fc_filter_direct_bytes(f, FC_FFT_DIRECT_ROWS, GROUP, channel, &direct_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){2, (ptrdiff_t)j->fft->lanes, cols, part}, 4, &j->scratch_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, (ptrdiff_t)sizeof(void *)}, 2, &j->pointers_bytes));
    FC_TRY(fc_filter_stage_bytes(f, rows, fc_max(GROUP, FC_FFT_LOT + f->k_w - 1), channel, &j->stage_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, GROUP, (ptrdiff_t)j->cell}, 3, &j->cells_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h, f->k_w, sizeof(fc_sparse_place)}, 3, &j->places_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h, f->k_w, (ptrdiff_t)f->number}, 3, &j->sizes_bytes));
    FC_TRY(fc_fft_tile(f, j->sizes, &j->cut, &j->tiling));
    j->bounds_bytes = fc_fft_bounds_bytes(&j->tiling);
    if (j->block_bytes < direct_bytes)
        j->block_bytes = direct_bytes;
    j->block_bytes = fc_align_up(j->block_bytes);
    j->scratch_bytes = fc_align_up(j->scratch_bytes);
    j->pointers_bytes = fc_align_up(j->pointers_bytes);
    j->stage_bytes = fc_align_up(j->stage_bytes);
    j->cells_bytes = fc_align_up(j->cells_bytes);
    j->shift_bytes = fc_align_up(GROUP * j->part);
    j->places_bytes = fc_align_up(j->places_bytes);
    j->sizes_bytes = fc_align_up(j->sizes_bytes);
    j->squares_bytes = j->narrow.rows || j->narrow.cols ? fc_align_up((j->cut.rows + j->cut.cols) * sizeof(double)) : 0;
    j->space_bytes = j->block_bytes + j->scratch_bytes + FC_ALIGNMENT + j->places_bytes + 2 * j->sizes_bytes +
        fc_align_up(sizeof(fc_fft_cells)) + j->squares_bytes +
        2 * (j->pointers_bytes + j->stage_bytes + j->cells_bytes + 2 * j->shift_bytes + j->bounds_bytes);
    return FC_OK;
}

/* The kernel in the forms that tasks read, and its transform; uses the workers' memory. */
static void prepare(fc_fft_job *j) {
    const fc_filter *f = j->f;
    memset(j->zeros, 0, GROUP * j->cell);
    fc_filter_pack_taps(f, f->kernel, (size_t)f->k_w, (size_t)f->k_h, (size_t)f->k_w, j->taps);
    fc_fft_twiddles(j->cut.cols, j->fft->radix, j->part == sizeof(double), (double *)j->spaces, j->row_twiddles);
    fc_fft_twiddles(j->cut.rows, j->fft->radix, j->part == sizeof(double), (double *)j->spaces, j->col_twiddles);
    fc_parallel_for(j->cut.cols / j->fft->lanes, j->workers, transform_taps, j);
    fc_parallel_for(j->cut.rows / j->fft->lanes, j->workers, transform_tap_rows, j);
}

/* Memory for `tasks` tasks of a job whose cut is known. */
static fc_status open_job(fc_fft_job *j, size_t tasks) {
    const fc_filter *f = j->f;
    size_t spectrum_bytes, taps_bytes, spaces_bytes;
    FC_TRY(measure(j));
    j->workers = fc_parallel_workers(tasks, j->cut.cycles * 2 * (double)j->fft->lanes);
    while (j->workers > 1 && j->workers * j->space_bytes > MOST_BYTES)
        j->workers--;
    FC_TRY(fc_multiply(
        (ptrdiff_t[]){2, (ptrdiff_t)j->cut.rows, (ptrdiff_t)j->cut.cols, (ptrdiff_t)j->part}, 4, &spectrum_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h, f->k_w, (ptrdiff_t)f->number}, 3, &taps_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)j->workers, (ptrdiff_t)j->space_bytes}, 2, &spaces_bytes));
    const size_t row_twiddles = fc_align_up(2 * j->cut.cols * j->part),
                 col_twiddles = fc_align_up(2 * j->cut.rows * j->part);
    const size_t zeros = fc_align_up(GROUP * j->cell), taps = fc_align_up(taps_bytes),
                 coarse = fc_fft_coarse_bytes(&j->tiling), edges = j->edged ? fc_fft_edges_bytes(&j->edges) : 0;
    j->memory = fc_scratch_alloc(
        row_twiddles + col_twiddles + zeros + taps + coarse + edges + fc_align_up(spectrum_bytes) + spaces_bytes);
    if (!j->memory)
        return FC_OUT_OF_MEMORY;
    j->row_twiddles = j->memory;
    j->col_twiddles = j->row_twiddles + row_twiddles;
    j->zeros = j->col_twiddles + col_twiddles;
    j->taps = j->zeros + zeros;
    j->spectrum = j->taps + taps + coarse + edges;
    j->spaces = j->spectrum + fc_align_up(spectrum_bytes);
    fc_fft_coarsen(f, &j->tiling, j->taps + taps, &j->coarse);
    if (j->edged)
        fc_fft_sum_edges(f, j->taps + taps + coarse, &j->edges);
    for (size_t worker = 0; worker < j->workers; worker++) {
        *space_of(j, worker).sorted = 0;
        *space_of(j, worker).turned = 0;
        for (size_t side = 0; side < 2; side++)
            memset(space_of(j, worker).bounds[side].tiles, 0, j->tiling.tiles_bytes);
    }
    return FC_OK;
}

static void run_job(fc_fft_job *j, size_t tasks) {
    prepare(j);
    fc_parallel_for(tasks, j->workers, run_task, j);
}

static void close_job(const fc_fft_job *j) { fc_scratch_free(j->memory); }

/* The tasks that were left, on blocks of the same size in double. */
static fc_status run_left(const fc_fft_job *narrow, size_t tasks, size_t *list) {
    fc_fft_job j = *narrow;
    size_t count = 0;
    for (size_t task = 0; task < tasks; task++)
        if (narrow->ends[task] == FC_FFT_LEFT)
            list[count++] = task;
    if (!count)
        return FC_OK;
    j.fft = &j.f->kernels->fft_f64;
    j.part = sizeof(double);
    j.cell = 2 * j.f->number;
    j.wide = 1;
    j.ratio = DBL_EPSILON / (double)FLT_EPSILON;
    j.ends = NULL;
    j.mended_share = FC_FFT_MENDED_SHARE;
    j.list = list;
    FC_TRY(open_job(&j, count));
    run_job(&j, count);
    close_job(&j);
    return FC_OK;
}

static void probe(void *job_, size_t at, size_t worker) {
    const fc_fft_job *j = job_;
    fc_fft_space s = space_of(j, worker);
    const size_t task = at * PROBED + PROBED / 2;
    const fc_fft_blocks b = blocks_of(j, task);
    j->ends[task] = (unsigned char)fc_fft_look(j, &s, &b);
}

/* How most of some tasks, spread over the image, are likely to end; few of them tell nothing. */
static fc_fft_end look_at_some(fc_fft_job *j, size_t tasks) {
    const size_t probes = (tasks + PROBED / 2 - 1) / PROBED;
    size_t done = 0, left = 0;
    if (probes < LEAST_PROBES)
        return FC_FFT_DONE;
    fc_parallel_for(probes, fc_least(probes, j->workers), probe, j);
    for (size_t i = 0; i < probes; i++) {
        done += j->ends[i * PROBED + PROBED / 2] == FC_FFT_DONE;
        left += j->ends[i * PROBED + PROBED / 2] == FC_FFT_LEFT;
    }
    return 2 * done >= probes ? FC_FFT_DONE : 2 * left > probes ? FC_FFT_LEFT : FC_FFT_SUMMED;
}

/*
 * Whether tasks whose outputs are too light are transformed again in double or summed directly, and how many lots may
 * be light before that costs less than to mend them.
 */
static void choose_rescue(fc_fft_job *j) {
    /*
     * Measured with AVX-512: a transform in double takes 2.2 to 2.4 times as long as one in float. Lots are small, and
     * their taps are weighed before: three times as long as all outputs together. To weigh all of them takes up to
     * nine tenths of their transform.
     */
    static const double WIDE = 2.2, MENDED = 3, WEIGHED = 1.5;
    const double direct = fc_filter_direct_cycles(j->f), wide = WIDE * j->cut.cycles;
    j->sums_slow = direct < WEIGHED * j->cut.cycles;
    j->sums_left = j->part != sizeof(float) || direct < wide;
    j->mended_share = j->sums_left ? FC_FFT_MENDED_SHARE : (size_t)fmax(1, MENDED * direct / wide);
}

/* All tasks, by the transform that serves most of them, or by none. */
static fc_status run_tasks(fc_fft_job *j, size_t tasks, size_t *list) {
    FC_TRY(open_job(j, tasks));
    const fc_fft_end most = look_at_some(j, tasks);
    const int summed = most == FC_FFT_SUMMED ? j->sums_slow : most == FC_FFT_LEFT ? j->sums_left : 0;
    const int left = most == FC_FFT_LEFT && !summed;
    if (!summed && !left)
        run_job(j, tasks);
    close_job(j);
    if (summed)
        return fc_filter_rectangles(j->f, NULL, NULL);
    if (left)
        memset(j->ends, FC_FFT_LEFT, tasks);
    return run_left(j, tasks, list);
}

static fc_status run_blocks(const fc_filter *f, const fc_fft_cut *cut, const fc_fft_taps *sizes) {
    const int is_complex = fc_filter_is_complex(f->work);
    fc_fft_job j = {.f = f,
        .fft = fc_fft_kernels(f),
        .cut = *cut,
        .sizes = sizes,
        .narrow = fc_fft_find_narrow(f, sizes, SPREAD),
        .sides = is_complex ? 1 : 2,
        .part = f->number >> is_complex,
        .cell = f->number,
        .ratio = 1};
    j.edged = fc_fft_between_zeros(f) && !is_complex && f->k_h <= f->h && f->k_w <= f->w;
    fc_fft_measure_edges(f, &j.edges);
    const size_t tasks = j.cut.tasks * (size_t)f->channels;
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)tasks, sizeof(size_t) + 1}, 2, &bytes));
    size_t *list = fc_scratch_alloc(bytes);
    if (!list)
        return FC_OUT_OF_MEMORY;
    j.ends = (unsigned char *)(list + tasks);
    choose_rescue(&j);
    const fc_status status = run_tasks(&j, tasks, list);
    fc_scratch_free(list);
    return status;
}

static fc_status run(const fc_filter *f, const fc_filter_taps *known) {
    fc_fft_taps sizes;
    fc_fft_cut blocks, whole;
    int done = 0;
    (void)known;
    if (!fc_fft_plan(f, &blocks))
        return FC_BAD_ARGUMENT;
    fc_fft_know_taps(f, &sizes);
    if (fc_fft_plan_whole(f, &whole) && whole.cycles < fc_fft_blocks_cycles(f, &blocks)) {
        const fc_status status = fc_fft_run_whole(f, &whole, &sizes, &done);
        if (status && status != FC_OUT_OF_MEMORY) /* blocks need less */
            return status;
    }
    return done ? FC_OK : run_blocks(f, &blocks, &sizes);
}

/*
 * Windows of few taps other than 0 weigh little beside the noise of a block, so that many outputs are summed anew.
 * Measured on images of noise: 11 x 11 taps take up to half as long again as 17 x 17, 15 x 15 hardly longer. The
 * share of direct sums that this is like.
 */
static double summed_anew(const fc_filter *f, const fc_filter_taps *known) {
    static const double MOST = 100, NONE = 220, COMPLEX = 2;
    const double taps = (double)known->nonzero * (fc_filter_is_complex(f->work) ? COMPLEX : 1);
    return fmin(1, fmax(0, (NONE - taps) / (NONE - MOST)));
}

/*
 * What transforms take beside direct sums of as many cycles, by the bytes of a vector: measured on Zen 4, and on Xeons
 * that multiply two vectors of 512 bits a cycle.
 */
static double beside_direct(const fc_filter *f) {
    static const double YMM = 1.2, ZMM = 1.25;
    const double bytes = fc_filter_lanes(f) * (double)f->number;
    return bytes == 32 ? YMM : bytes == 64 && fc_cpu_wide_fmas() == 1 ? ZMM : 1;
}

static double likely_cycles(const fc_filter *f, const fc_fft_cut *blocks) {
    static const double CALL = 45000; /* memory, twiddles, the kernel's sizes */
    fc_fft_cut whole;
    double least = fc_fft_blocks_cycles(f, blocks);
    if (fc_fft_plan_whole(f, &whole))
        least = fmin(least, whole.cycles);
    return CALL + least * beside_direct(f);
}

double fc_filter_fft_most(const fc_filter *f) {
    fc_fft_cut cut;
    return fc_fft_plan(f, &cut) ? likely_cycles(f, &cut) : -1;
}

static double cycles(const fc_filter *f, const fc_filter_taps *known) {
    fc_fft_cut cut;
    if (!known->finite || !fc_fft_plan(f, &cut))
        return -1;
    return likely_cycles(f, &cut) + summed_anew(f, known) * fc_filter_direct_cycles(f);
}

const fc_filter_algorithm fc_filter_by_fft = {"fft", cycles, run};
