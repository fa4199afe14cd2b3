/* SPDX-License-Identifier: MIT */
/* The coarse kernel of ops/filter/fft_coarse.c: the smallest tap that any cell of a tile may meet, by trying them all.
 */
#include <math.h>
#include <stdlib.h>

#include "check/check.h"
#include "core/scratch.h"
#include "ops/filter/fft.h"

enum { CASES = 40, LEAST_SIDE = 9, SIDES = 56, BLOCK = 256 };

/* A kernel of taps from 0 to 1, one in eight of them 0 where it is to have zeros. */
static void fill_kernel(fc_filter *f, void *kernel, int with_zeros) {
    const size_t numbers = (size_t)(f->k_h * f->k_w) * (f->work == FC_C64 ? 2 : 1);
    for (size_t i = 0; i < numbers; i++) {
        const double tap = with_zeros && !check_random_below(8) ? 0 : fabs(check_random_unit());
        if (f->work == FC_F64)
            ((double *)kernel)[i] = tap;
        else
            ((float *)kernel)[i] = (float)tap;
    }
    f->kernel = kernel;
}

/* The size of one tap; of none outside of the kernel. */
static double tap_size(const fc_filter *f, ptrdiff_t row, ptrdiff_t col) {
    double size = INFINITY;
    if (row >= 0 && row < f->k_h && col >= 0 && col < f->k_w)
        fc_fft_tap_sizes(f, (size_t)(row * f->k_w + col), 1, &size);
    return size;
}

/* Over every output of a tile and every cell of the one a rows and b columns of tiles on. */
static double smallest_met(const fc_filter *f, const fc_fft_tiling *t, size_t a, size_t b) {
    const ptrdiff_t high = (ptrdiff_t)t->high, wide = (ptrdiff_t)t->cells, row = (ptrdiff_t)(a + t->first_row) * high,
                    col = (ptrdiff_t)(b + t->first_col) * wide;
    double least = INFINITY;
    for (ptrdiff_t down = 1 - high; down < high; down++)
        for (ptrdiff_t across = 1 - wide; across < wide; across++)
            least = fmin(least, tap_size(f, row + down, col + across));
    return least;
}

static double size_at(const fc_filter *f, const fc_fft_coarse *coarse, size_t at) {
    return f->work == FC_F64 ? ((double *)coarse->sizes)[at] : (double)((float *)coarse->sizes)[at];
}

/* Where the tile (a, b) is in the list; behind it, where it is not. */
static size_t place_of(const fc_fft_coarse *coarse, size_t a, size_t b) {
    size_t at = 0;
    while (at < coarse->count && (coarse->places[at].row != a || coarse->places[at].offset != b))
        at++;
    return at;
}

static void check_kernel(const fc_filter *f, const fc_fft_tiling *t, const fc_fft_coarse *coarse) {
    size_t found = 0;
    double sum = 0, most = 0, before = INFINITY;
    for (size_t a = 0; a < t->rows; a++)
        for (size_t b = 0; b < t->cols; b++) {
            const double want = smallest_met(f, t, a, b);
            const size_t at = place_of(coarse, a, b);
            check_true((at < coarse->count) == (want > 0), "a tile is missing, or too many");
            if (at == coarse->count)
                continue;
            check_true(
                size_at(f, coarse, at) == (f->work == FC_F64 ? want : (double)(float)want), "the size of a tile");
            sum += want;
            most = fmax(most, want);
            found++;
        }
    check_true(found == coarse->count, "tiles that have no smallest tap");
    check_true(fabs(coarse->sum - sum) <= 1e-12 * sum, "the sum");
    for (size_t i = 0; i < coarse->count; i++) {
        const double size = size_at(f, coarse, i);
        check_true(size <= before + most / 4, "a small tap before a large one");
        before = fmin(before, size);
    }
}

void check_fft_coarse(const fc_kernels *kernels, const char *isa) {
    static const fc_dtype works[] = {FC_F32, FC_F64, FC_C64};
    (void)kernels; /* plain C, the same for all */
    for (size_t i = 0; i < CASES; i++) {
        fc_filter f = {.work = works[i % 3],
            .number = works[i % 3] == FC_F32 ? 4 : 8,
            .k_h = LEAST_SIDE + (ptrdiff_t)check_random_below(SIDES),
            .k_w = LEAST_SIDE + (ptrdiff_t)check_random_below(SIDES)};
        const fc_fft_cut cut = {.rows = BLOCK, .cols = BLOCK};
        fc_fft_taps taps;
        fc_fft_tiling tiling = {0};
        fc_fft_coarse coarse;
        check_buffer kernel = check_alloc((size_t)(f.k_h * f.k_w) * 8, 0);
        check_case("fft_coarse", isa, "%tdx%td dtype %d", f.k_h, f.k_w, (int)f.work);
        fill_kernel(&f, kernel.data, i % 2);
        fc_fft_know_taps(&f, &taps);
        check_true(fc_fft_tile(&f, &taps, &cut, &tiling) == FC_OK, "a tiling");
        check_buffer memory = check_alloc(fc_fft_coarse_bytes(&tiling), 0);
        fc_fft_coarsen(&f, &tiling, memory.data, &coarse);
        check_kernel(&f, &tiling, &coarse);
        check_guards(&memory);
        check_free(&memory);
        check_free(&kernel);
    }
}
