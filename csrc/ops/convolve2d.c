/* SPDX-License-Identifier: MIT */
/*
 * out[m][n] = sum of taps[j][k] * image[m + top + j][n + left + k], the kernel flipped for a convolution and conjugated for a
 * correlation; cells outside the image come from the boundary rule.
 *
 * Tasks are rectangles of output rows and columns. A kernel gets its source as a pointer a row, so rows above and below the image
 * cost nothing: they point to another row (wrap, symm) or to a row of fill values. Only the columns whose window reaches over
 * the left or right border are read from a staged copy; narrow images are staged whole, which beats three narrow pieces.
 */
#include <string.h>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "fastconv.h"

enum {
    ROW_TILE = 4,                   /* of kernels/body/convolve2d.h */
    LINE_BYTES = 64,
    NARROW_BYTES = 1024,            /* pieces below this gain nothing from being read in place */
    SOURCE_BYTES = 256 << 10,       /* source rows of a row of tiles: they stay in L2 */
    TASK_BYTES = 128 << 10,         /* output of a task */
    TASK_FLOPS = 8 << 20            /* about 0.1 ms: far above the cost of handing out a task */
};

typedef struct job {
    const fc_convolve2d_params *p;
    fc_convolve2d_fn *run;
    ptrdiff_t size;                         /* bytes of an element */
    ptrdiff_t out_h, out_w;
    ptrdiff_t top, left;                    /* image cell under the first tap of the first output */
    ptrdiff_t band, block;                  /* output rows and columns of a task */
    ptrdiff_t direct_from, direct_to;       /* output columns read in place */
    ptrdiff_t stage_width;                  /* widest staged piece, its window included */
    size_t bands, blocks, workers, fill_bytes, taps_bytes, worker_bytes;
    const unsigned char *image, *fill_row, *taps;
    unsigned char *scratch, *out;           /* scratch: worker_bytes a worker */
} job;

static fc_convolve2d_fn *kernel_of(fc_dtype dtype) {
    const fc_kernels *kernels = fc_active_kernels();
    if (!kernels)
        return NULL;
    switch (dtype) {
    case FC_BOOL: return kernels->convolve2d_bool;
    case FC_I8: case FC_U8: return kernels->convolve2d_b8;
    case FC_I16: case FC_U16: return kernels->convolve2d_b16;
    case FC_I32: case FC_U32: return kernels->convolve2d_b32;
    case FC_I64: case FC_U64: return kernels->convolve2d_b64;
    case FC_F32: return kernels->convolve2d_f32;
    case FC_F64: return kernels->convolve2d_f64;
    case FC_LONGDOUBLE: return kernels->convolve2d_longdouble;
    case FC_C64: return kernels->convolve2d_complex_f32;
    case FC_C128: return kernels->convolve2d_complex_f64;
    case FC_CLONGDOUBLE: return kernels->convolve2d_clongdouble;
    default: return NULL;
    }
}

/* Output size along one axis, and the image index under the first tap of the first output. */
static fc_status axis(const fc_convolve2d_params *p, ptrdiff_t image, ptrdiff_t k, ptrdiff_t *out, ptrdiff_t *start) {
    if (image < 1 || k < 1)
        return FC_BAD_SHAPE;
    switch (p->mode) {
    case FC_FULL:
        *start = -(k - 1);
        return __builtin_add_overflow(image, k - 1, out) ? FC_TOO_LARGE : FC_OK;
    case FC_SAME:
        *start = p->correlate ? -((k - 1) / 2) : -(k / 2);
        *out = image;
        return FC_OK;
    case FC_VALID:
        *start = 0;
        *out = image - k + 1;
        return *out < 1 ? FC_BAD_SHAPE : FC_OK;
    }
    return FC_BAD_ARGUMENT;
}

static fc_status measure(const fc_convolve2d_params *p, job *j) {
    FC_TRY(axis(p, p->image_h, p->k_h, &j->out_h, &j->top));
    FC_TRY(axis(p, p->image_w, p->k_w, &j->out_w, &j->left));
    if (p->boundary < FC_FILL || p->boundary > FC_SYMM)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_check_tensor(p->dtype, 1, p->image_h, p->image_w, 1));
    FC_TRY(fc_check_tensor(p->dtype, 1, p->k_h, p->k_w, 1));
    return fc_check_tensor(p->dtype, 1, j->out_h, j->out_w, 1);
}

fc_status fc_convolve2d_output_size(const fc_convolve2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w) {
    job j = {0};
    FC_TRY(measure(p, &j));
    *out_h = j.out_h;
    *out_w = j.out_w;
    return FC_OK;
}

/* Which columns are staged: those that read over a border, rounded up to a vector so that they need no masks. */
static void plan_columns(job *j) {
    const ptrdiff_t line = fc_max(LINE_BYTES / j->size, 1);
    ptrdiff_t from = fc_min(-j->left, j->out_w), to = fc_min(j->p->image_w - j->p->k_w - j->left + 1, j->out_w);
    int borders = from > 0 || to < j->out_w;
    if (borders && (to - from) * j->size < NARROW_BYTES)
        from = to = j->out_w;
    else {
        from = from ? fc_max(from, line) : 0;
        to = to < j->out_w ? fc_min(to, j->out_w - line) : to;
    }
    j->direct_from = from;
    j->direct_to = to;
}

/* The smallest count that cuts n into pieces of at most `most`, then pieces of one size, a multiple of `step`. */
static ptrdiff_t piece(ptrdiff_t n, ptrdiff_t most, ptrdiff_t step) {
    ptrdiff_t count = fc_ceil_div(n, fc_max(most, step));
    return fc_round_up(fc_ceil_div(n, count), step);
}

static fc_status plan(job *j) {
    const fc_convolve2d_params *p = j->p;
    const ptrdiff_t line = fc_max(LINE_BYTES / j->size, 1), source_rows = p->k_h + ROW_TILE - 1;
    j->block = fc_min(piece(j->out_w, fc_max(SOURCE_BYTES / j->size / source_rows - p->k_w, 16 * line), 4 * line), j->out_w);
    double row_flops = 2.0 * (double)j->block * (double)p->k_h * (double)p->k_w;
    ptrdiff_t rows = fc_min(TASK_BYTES / j->size / j->block, (ptrdiff_t)fc_max(1, (ptrdiff_t)(TASK_FLOPS / row_flops)));
    j->band = fc_min(piece(j->out_h, rows, ROW_TILE), j->out_h);
    j->bands = (size_t)fc_ceil_div(j->out_h, j->band);
    j->blocks = (size_t)fc_ceil_div(j->out_w, j->block);
    plan_columns(j);
    j->workers = fc_parallel_workers(j->bands * j->blocks, row_flops * (double)j->out_h * (double)j->blocks);

    ptrdiff_t staged = fc_min(j->block, fc_max(j->direct_from, j->out_w - j->direct_to));
    size_t rows_bytes, stage_bytes;
    j->stage_width = staged ? staged + p->k_w - 1 : 0;
    FC_TRY(fc_multiply((ptrdiff_t[]){j->band + p->k_h - 1, (ptrdiff_t)sizeof(void *)}, 2, &rows_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){j->band + p->k_h - 1, j->stage_width, j->size}, 3, &stage_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){j->block + p->k_w - 1, j->size}, 2, &j->fill_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){p->k_h, p->k_w, j->size}, 3, &j->taps_bytes));
    j->worker_bytes = fc_align_up(rows_bytes) + fc_align_up(stage_bytes);
    return FC_OK;
}

/* taps[k * k_h + j], complex ones as two planes; see fc_convolve2d_block. */
static void pack_taps(const job *j, const unsigned char *kernel, unsigned char *taps) {
    const fc_convolve2d_params *p = j->p;
    const int is_complex = p->dtype == FC_C64 || p->dtype == FC_C128 || p->dtype == FC_CLONGDOUBLE;
    const size_t k_h = (size_t)p->k_h, k_w = (size_t)p->k_w, count = k_h * k_w, part = (size_t)j->size >> is_complex;
    for (size_t row = 0; row < k_h; row++)
        for (size_t col = 0; col < k_w; col++) {
            size_t to = p->correlate ? col * k_h + row : count - 1 - (col * k_h + row);
            memcpy(taps + to * part, kernel, part);
            if (is_complex)
                memcpy(taps + (count + to) * part, kernel + part, part);
            kernel += j->size;
        }
    if (p->dtype == FC_BOOL)
        for (size_t i = 0; i < count; i++)
            taps[i] = taps[i] ? 0xff : 0;
    if (is_complex && p->correlate)
        for (size_t i = count; i < 2 * count; i++)
            switch (p->dtype) {
            case FC_C64: ((float *)taps)[i] = -((float *)taps)[i]; break;
            case FC_C128: ((double *)taps)[i] = -((double *)taps)[i]; break;
            default: ((long double *)taps)[i] = -((long double *)taps)[i];
            }
}

/* The cell of n that boundary rule `symm` or wrap puts at i. */
static ptrdiff_t folded(ptrdiff_t i, ptrdiff_t n, int symm) {
    const ptrdiff_t period = symm ? 2 * n : n;
    if (i < -period || i >= period)
        i %= period;
    if (i < 0)
        i += period;
    return i < n ? i : symm ? period - 1 - i : i - n;
}

static void fold_cells(const job *j, const unsigned char *row, ptrdiff_t first, ptrdiff_t count, unsigned char *to) {
    const size_t size = (size_t)j->size;
    for (ptrdiff_t i = 0; i < count; i++, to += size)
        memcpy(to, row + folded(first + i, j->p->image_w, j->p->boundary == FC_SYMM) * j->size, size);
}

/* Cells [first, first + count) of an image row, border included. */
static void stage_row(const job *j, const unsigned char *row, ptrdiff_t first, ptrdiff_t count, unsigned char *to) {
    ptrdiff_t from = fc_min(fc_max(-first, 0), count), end = fc_max(fc_min(j->p->image_w - first, count), from);
    if (j->p->boundary == FC_FILL) {
        memcpy(to, j->fill_row, (size_t)(from * j->size));
        memcpy(to + end * j->size, j->fill_row, (size_t)((count - end) * j->size));
    } else {
        fold_cells(j, row, first, from, to);
        fold_cells(j, row, first + end, count - end, to + end * j->size);
    }
    memcpy(to + from * j->size, row + (first + from) * j->size, (size_t)((end - from) * j->size));
}

/* Output rows [row, row + n_rows), columns [from, to): all read in place or all staged. */
static void run_piece(const job *j, ptrdiff_t row, ptrdiff_t n_rows, ptrdiff_t from, ptrdiff_t to, int direct, unsigned char *scratch) {
    const fc_convolve2d_params *p = j->p;
    const ptrdiff_t count = n_rows + p->k_h - 1, first = from + j->left, width = to - from + p->k_w - 1;
    const void **rows = (const void **)scratch;
    unsigned char *stage = scratch + fc_align_up((size_t)(j->band + p->k_h - 1) * sizeof(void *));
    if (from >= to)
        return;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t y = row + j->top + i;
        int inside = y >= 0 && y < p->image_h;
        if (!inside && p->boundary == FC_FILL) {
            rows[i] = j->fill_row;
            continue;
        }
        const unsigned char *source = j->image + (inside ? y : folded(y, p->image_h, p->boundary == FC_SYMM)) * p->image_w * j->size;
        rows[i] = source + first * j->size;
        if (!direct) {
            rows[i] = stage;
            stage_row(j, source, first, width, stage);
            stage += width * j->size;
        }
    }
    const fc_convolve2d_block block = {
        .taps = j->taps, .k_h = (size_t)p->k_h, .k_w = (size_t)p->k_w, .rows = rows,
        .n_rows = (size_t)n_rows, .n_cols = (size_t)(to - from),
        .out = j->out + (row * j->out_w + from) * j->size, .out_pitch = (size_t)j->out_w,
    };
    j->run(&block);
}

static void run_task(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const ptrdiff_t row = (ptrdiff_t)(task / j->blocks) * j->band, col = (ptrdiff_t)(task % j->blocks) * j->block;
    const ptrdiff_t n_rows = fc_min(j->band, j->out_h - row), end = fc_min(col + j->block, j->out_w);
    unsigned char *scratch = j->scratch + worker * j->worker_bytes;
    run_piece(j, row, n_rows, col, fc_min(end, j->direct_from), 0, scratch);
    run_piece(j, row, n_rows, fc_max(col, j->direct_from), fc_min(end, j->direct_to), 1, scratch);
    run_piece(j, row, n_rows, fc_max(col, j->direct_to), end, 0, scratch);
}

fc_status fc_convolve2d(const fc_convolve2d_params *p, const void *image, const void *kernel,
                        const void *fillvalue, void *out) {
    job j = {.p = p, .run = kernel_of(p->dtype), .size = (ptrdiff_t)fc_dtype_size(p->dtype), .image = image, .out = out};
    size_t scratch_bytes;
    if (!j.run)
        return FC_BAD_DTYPE;
    if (!image || !kernel || !out)
        return FC_BAD_ARGUMENT;
    FC_TRY(measure(p, &j));
    FC_TRY(plan(&j));
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)j.workers, (ptrdiff_t)j.worker_bytes}, 2, &scratch_bytes));
    size_t fill_bytes = fc_align_up(j.fill_bytes), taps_bytes = fc_align_up(j.taps_bytes);
    unsigned char *memory = fc_scratch_alloc(fill_bytes + taps_bytes + scratch_bytes);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    if (!fillvalue || p->boundary != FC_FILL)
        memset(memory, 0, j.fill_bytes);
    else
        for (size_t i = 0; i < j.fill_bytes; i += (size_t)j.size)
            memcpy(memory + i, fillvalue, (size_t)j.size);
    pack_taps(&j, kernel, memory + fill_bytes);
    j.fill_row = memory;
    j.taps = memory + fill_bytes;
    j.scratch = memory + fill_bytes + taps_bytes;
    fc_parallel_for(j.bands * j.blocks, j.workers, run_task, &j);
    fc_scratch_free(memory);
    return FC_OK;
}
