/* SPDX-License-Identifier: MIT */
/*
 * What windows weigh at least, by the kernel on the grid of tiles: each tile's sum counts times the smallest tap that
 * its cells may meet. Close for kernels that vary little from tile to tile, such as Gaussians and disks.
 */
#include <math.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft.h"

/* The smallest tap of row `row` that cells of the tile b columns of tiles further may meet. */
static double least_of_row(const fc_filter *f, const fc_fft_tiling *t, size_t row, size_t b) {
    const size_t last = (b + t->first_col + 1) * t->cells - 1;
    double least = INFINITY;
    for (size_t col = last + 2 - 2 * t->cells; col <= last; col++)
        least = fmin(least, fc_fft_tap_size(f, row * (size_t)f->k_w + col));
    return least;
}

/* The smallest tap that cells of the tile (a, b) may meet. */
static double least_of_tile(const fc_filter *f, const fc_fft_tiling *t, size_t a, size_t b) {
    const size_t last = (a + t->first_row + 1) * t->high - 1;
    double least = INFINITY;
    for (size_t row = last + 2 - 2 * t->high; row <= last && least > 0; row++)
        least = fmin(least, least_of_row(f, t, row, b));
    return least;
}

size_t fc_fft_coarse_bytes(const fc_fft_tiling *t) {
    return fc_align_up(t->rows * t->cols * sizeof(fc_sparse_place)) + fc_align_up(t->rows * t->cols * sizeof(double));
}

void fc_fft_coarsen(const fc_filter *f, const fc_fft_tiling *t, unsigned char *memory, fc_fft_coarse *c) {
    *c = (fc_fft_coarse){.places = (fc_sparse_place *)memory,
        .sizes = memory + fc_align_up(t->rows * t->cols * sizeof(fc_sparse_place))};
    for (size_t a = 0; a < t->rows; a++)
        for (size_t b = 0; b < t->cols; b++) {
            const double size = least_of_tile(f, t, a, b);
            if (!(size > 0))
                continue;
            c->places[c->count] = (fc_sparse_place){a, b};
            if (f->work == FC_F32 || f->work == FC_C64)
                ((float *)c->sizes)[c->count++] = (float)size;
            else
                ((double *)c->sizes)[c->count++] = size;
            c->sum += size;
        }
}
