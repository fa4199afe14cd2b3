/* SPDX-License-Identifier: MIT */
/*
 * What windows weigh at least, by the kernel on the grid of tiles: each tile's sum counts times the smallest tap that
 * its cells may meet. Close for kernels that vary little from tile to tile, such as Gaussians and disks.
 */
#include <math.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft.h"

enum {
    READ = 64,                   /* sizes at a time */
    MOST_COLS = FC_FFT_MOST / 4, /* tiles beside each other, of two cells at least */
    LEVELS = 8                   /* by which sizes are put in order */
};

/* The smallest taps of `many` columns from `first` on, that cells of row a of tiles may meet. */
static void least_of_columns(
    const fc_filter *f, const fc_fft_tiling *t, size_t a, size_t first, size_t many, double *least) {
    const size_t last = (a + t->first_row + 1) * t->high - 1;
    double sizes[READ];
    for (size_t i = 0; i < many; i++)
        least[i] = INFINITY;
    for (size_t row = last + 2 - 2 * t->high; row <= last; row++) {
        fc_fft_tap_sizes(f, row * (size_t)f->k_w + first, many, sizes);
        for (size_t i = 0; i < many; i++)
            least[i] = sizes[i] < least[i] ? sizes[i] : least[i];
    }
}

/* The smallest taps that cells of row a of tiles may meet. A column counts for two tiles, but for the one that a tile
 * starts with. */
static void least_of_tiles(const fc_filter *f, const fc_fft_tiling *t, size_t a, double *tiles) {
    for (size_t b = 0; b < t->cols; b++)
        tiles[b] = INFINITY;
    for (size_t first = 0, many; first < (size_t)f->k_w; first += many) {
        double least[READ];
        many = fc_least(READ, (size_t)f->k_w - first);
        least_of_columns(f, t, a, first, many, least);
        for (size_t i = 0; i < many; i++) {
            const size_t own = (first + i) / t->cells, starts = (first + i) % t->cells == 0;
            for (size_t at = own; at <= own + !starts; at++)
                if (at >= t->first_col && at - t->first_col < t->cols)
                    tiles[at - t->first_col] = fmin(tiles[at - t->first_col], least[i]);
        }
    }
}

size_t fc_fft_coarse_bytes(const fc_fft_tiling *t) {
    return fc_align_up(t->rows * t->cols * sizeof(fc_sparse_place)) + fc_align_up(t->rows * t->cols * sizeof(double));
}

static double get_size(const fc_filter *f, const fc_fft_coarse *c, size_t at) {
    return fc_filter_is_single(f) ? (double)((const float *)c->sizes)[at] : ((const double *)c->sizes)[at];
}

static void put(const fc_filter *f, fc_fft_coarse *c, size_t at, double size, fc_sparse_place place) {
    c->places[at] = place;
    if (fc_filter_is_single(f))
        ((float *)c->sizes)[at] = (float)size;
    else
        ((double *)c->sizes)[at] = size;
}

/* Larger ones before smaller ones, as far as their levels of `most` differ. */
static void sort_by_level(const fc_filter *f, fc_fft_coarse *c, double most) {
    size_t sorted = 0;
    for (int level = LEVELS - 1; level > 0; level--)
        for (size_t i = sorted; i < c->count; i++) {
            const double size = get_size(f, c, i);
            const fc_sparse_place place = c->places[i];
            if (size < most * level / LEVELS)
                continue;
            put(f, c, i, get_size(f, c, sorted), c->places[sorted]);
            put(f, c, sorted++, size, place);
        }
}

void fc_fft_coarsen(const fc_filter *f, const fc_fft_tiling *t, unsigned char *memory, fc_fft_coarse *c) {
    double most = 0;
    *c = (fc_fft_coarse){.places = (fc_sparse_place *)memory,
        .sizes = memory + fc_align_up(t->rows * t->cols * sizeof(fc_sparse_place))};
    for (size_t a = 0; a < t->rows; a++) {
        double tiles[MOST_COLS];
        least_of_tiles(f, t, a, tiles);
        for (size_t b = 0; b < t->cols; b++) {
            if (!(tiles[b] > 0))
                continue;
            put(f, c, c->count++, tiles[b], (fc_sparse_place){a, b});
            c->sum += tiles[b];
            most = fmax(most, tiles[b]);
        }
    }
    sort_by_level(f, c, most);
}
