/* SPDX-License-Identifier: MIT */
/*
 * Outputs of a transform of the whole image that weigh enough whichever taps their cells meet: the plain sums of their
 * windows, each cell cut to what most of them do not pass, come from sums of all tiles above and before each tile.
 */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "ops/filter/fft_whole_job.h"

enum { TILE = 4, PIECE = 16 }; /* cells a tile is high and wide; outputs beside each other that are looked at as one */
static const double SAMPLED = 1.5;                   /* what most cells do not pass, over their mean */
static const double ROUNDED = 1.001, LOST = 0x1p-40; /* what sums may lose, of themselves and of all before them */

typedef struct plain {
    fc_fft_whole *j;
    double cap, enough;
    size_t down, across; /* tiles */
    unsigned char *tiles;
    double *sums; /* of the tiles in the first u rows and v columns, at u * (across + 1) + v */
} plain;

/* The tiles of a group of columns. */
static void add_cells(void *plain_, size_t group, size_t worker) {
    const plain *p = plain_;
    const fc_filter *f = p->j->f;
    const fc_fft_whole_space s = fc_fft_whole_space_of(p->j, worker);
    const ptrdiff_t from = (ptrdiff_t)(group * FC_FFT_GROUP), cols = fc_min(f->w - from, FC_FFT_GROUP);
    fc_filter_source(f, (fc_rect){0, from, f->h, cols}, FC_ALL_CHANNELS, s.re, s.stage);
    p->j->fft->tiles(&(fc_fft_tiles){.rows = s.re,
        .n_rows = (size_t)f->h,
        .n_cols = (size_t)cols,
        .high = TILE,
        .width = TILE,
        .cap = p->cap,
        .sums = p->tiles + (size_t)from / TILE * p->j->part,
        .pitch = p->across});
}

static void add_tiles(const plain *p) {
    const size_t pitch = p->across + 1;
    for (size_t v = 0; v < pitch; v++)
        p->sums[v] = 0;
    for (size_t u = 0; u < p->down; u++) {
        const double *const above = p->sums + u * pitch;
        double *const to = p->sums + (u + 1) * pitch, row = 0;
        to[0] = 0;
        for (size_t v = 0; v < p->across; v++) {
            row += fc_fft_number(p->j->f, p->tiles, u * p->across + v);
            to[v + 1] = above[v + 1] + row;
        }
    }
}

/* Of the cells [first, end) of an axis of n, the tiles that lie within them: from *first_tile on, how many. */
static size_t tiles_within(ptrdiff_t first, ptrdiff_t end, ptrdiff_t n, size_t *first_tile) {
    const size_t from = fc_parts((size_t)fc_max(first, 0), TILE),
                 to = end >= n ? fc_parts((size_t)n, TILE) : (size_t)fc_max(end, 0) / TILE;
    *first_tile = from;
    return to > from ? to - from : 0;
}

/* Whether n outputs of a row hold enough, by the tiles that lie in all of their windows. */
static int are_heavy(const plain *p, ptrdiff_t row, ptrdiff_t col, ptrdiff_t n) {
    const fc_filter *f = p->j->f;
    const size_t pitch = p->across + 1;
    size_t u, v;
    const size_t rows = tiles_within(row + f->top, row + f->top + f->k_h, f->h, &u),
                 cols = tiles_within(col + n - 1 + f->left, col + f->left + f->k_w, f->w, &v);
    if (!rows || !cols)
        return 0;
    const double *const above = p->sums + u * pitch + v, *const below = above + rows * pitch;
    return below[cols] - below[0] - above[cols] + above[0] >= p->enough;
}

/* Leaves of the spans of a group what is not heavy. */
static void clear_group(void *plain_, size_t group, size_t worker) {
    const plain *p = plain_;
    const ptrdiff_t out_h = p->j->f->out_h;
    fc_fft_span *const spans = p->j->spans + group * (size_t)out_h;
    (void)worker;
    for (ptrdiff_t row = 0; row < out_h; row++) {
        const size_t first = spans[row].first, end = spans[row].end;
        size_t left = end, right = first;
        for (size_t at = first, n; at < end; at += n) {
            n = fc_least(PIECE, end - at);
            if (are_heavy(p, row, (ptrdiff_t)(group * FC_FFT_GROUP + at), (ptrdiff_t)n))
                continue;
            left = fc_least(left, at);
            right = at + n;
        }
        spans[row] = left < right ? (fc_fft_span){(unsigned char)left, (unsigned char)right} : (fc_fft_span){0, 0};
    }
}

void fc_fft_clear_plain(fc_fft_whole *j) {
    const fc_filter *f = j->f;
    plain p = {.j = j, .cap = SAMPLED * j->image.size, .down = fc_parts((size_t)f->h, TILE)};
    p.across = fc_parts((size_t)f->w, TILE);
    const size_t tiles = fc_align_up(p.down * p.across * j->part);
    p.tiles = fc_scratch_alloc(tiles + (p.down + 1) * (p.across + 1) * sizeof(double));
    if (!p.tiles)
        return; /* all of them stay in doubt */
    p.sums = (double *)(p.tiles + tiles);
    fc_parallel_for(fc_parts((size_t)f->w, FC_FFT_GROUP), j->workers, add_cells, &p);
    add_tiles(&p);
    const double weight = j->least + fc_fft_whole_shifted(j) * j->edges.most,
                 all = p.sums[p.down * (p.across + 1) + p.across];
    p.enough = ROUNDED * fc_fft_plain_sum(j->taps, p.cap, weight) + LOST * all;
    fc_parallel_for(fc_parts((size_t)f->out_w, FC_FFT_GROUP), j->workers, clear_group, &p);
    fc_scratch_free(p.tiles);
}
