/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/size.h"
#include "ops/filter/line_fft.h"
#include "ops/filter/sum.h"

/*
 * Errors over eps, by the root mean squares of cells and sums, and by what a single wave gives, whose rounding errors
 * meet taps that it cancels under. Measured on noise, walks, waves, constants, steps and single cells, with kernels of
 * 100 to 7000 taps: none passed nine tenths of this, where one tap stands out two thirds.
 */
static const double FORTH = 12, BACK = 16, WAVE = 1.5, STANDS_OUT = 32;
static const double SAMPLED = 1.5;                   /* what most cells do not pass, over their mean */
static const double ROUNDED = 1.001, LOST = 0x1p-40; /* what sums may lose, of themselves and of all before them */

/* Smaller tiles tell more of kernels whose taps vary from one to the next, larger ones cost less. */
static size_t tile_of(size_t taps) { return taps < 256 ? 4 : taps < 1024 ? 8 : 16; }

size_t fc_line_coarse_taps(size_t taps) {
    const size_t tiles = taps / tile_of(taps);
    return tiles > 1 ? tiles - 1 : 0;
}

size_t fc_line_room(size_t taps, size_t length) {
    const size_t tiles = length / tile_of(taps) + 2;
    return 3 * tiles + fc_line_coarse_taps(taps);
}

void fc_line_know_taps(const fc_filter *f, size_t taps, double *coarse, fc_line_bounds *b) {
    const size_t tile = tile_of(taps), count = fc_line_coarse_taps(taps);
    *b = (fc_line_bounds){.f = f, .taps = taps, .tile = tile, .count = count, .coarse = coarse};
    fc_fft_know_taps(f, &b->sizes);
    b->stands_out = 2 * b->sizes.most > b->sizes.norm;
    for (size_t d = 0; d < count; d++)
        coarse[d] = INFINITY;
    for (size_t i = 0; i < taps; i++) {
        b->total += (long double)fc_filter_tap_part(f, i);
        /* Cells of the tile that is d + 1 tiles on meet taps (d + 1) * tile - tile + 1 to (d + 1) * tile + tile - 1. */
        for (size_t d = i / tile > 0 ? i / tile - 1 : 0; d < count && d * tile + 1 <= i; d++)
            if (i < (d + 2) * tile)
                coarse[d] = fmin(coarse[d], fabs(fc_filter_tap_part(f, i)));
    }
}

#define SUMS(T)                                                                      \
    for (; i + FC_SUM_CHAINS <= n; i += FC_SUM_CHAINS)                               \
        for (size_t c = 0; c < FC_SUM_CHAINS; c++) {                                 \
            const double x = (double)((const T *)cells)[i + c];                      \
            sum[c] += x;                                                             \
            sizes[c] += fabs(x);                                                     \
            squares[c] += x * x;                                                     \
        }                                                                            \
    for (; i < n; i++) {                                                             \
        sum[0] += (double)((const T *)cells)[i];                                     \
        sizes[0] += fabs((double)((const T *)cells)[i]);                             \
        squares[0] += (double)((const T *)cells)[i] * (double)((const T *)cells)[i]; \
    }

#define ARE_WHOLE(T)                                                         \
    for (size_t i = 0; i < n; i++)                                           \
        if (((const T *)cells)[i] != (T)rint((double)((const T *)cells)[i])) \
            return 0;                                                        \
    return 1;

static int are_whole(const fc_filter *f, const void *cells, size_t n) {
    if (f->work == FC_F32) {
        ARE_WHOLE(fc_any_float)
    }
    ARE_WHOLE(fc_any_double)
}
#undef ARE_WHOLE

void fc_line_know_cells(const fc_line_bounds *b, const void *cells, size_t n, fc_line_cells *known) {
    const int is_float = b->f->work == FC_F32;
    double sum[FC_SUM_CHAINS] = {0}, squares[FC_SUM_CHAINS] = {0}, sizes[FC_SUM_CHAINS] = {0};
    size_t i = 0;
    *known = (fc_line_cells){.squares = 0};
    if (is_float) {
        SUMS(fc_any_float)
    } else {
        SUMS(fc_any_double)
    }
    const double all = fc_sum_chains(sum);
    known->squares = fc_sum_chains(squares);
    for (size_t c = 0; c < FC_SUM_CHAINS; c++)
        known->cap += SAMPLED * sizes[c] / (double)n;
    known->finite = known->squares <= DBL_MAX;
    known->whole = known->finite && b->sizes.whole && are_whole(b->f, cells, n);
    const double mean = all / (double)n, square = (double)n * mean * mean;
    /* In double, transforms of float cells are exact enough as they are. */
    if (!is_float && known->finite && 4 * square >= known->squares) {
        const double middle = known->whole ? rint(mean) : mean, taken = middle * (2 * all - (double)n * middle);
        known->middle = middle;
        known->squares = fmax(known->squares - taken, 0) + 4 * (double)n * DBL_EPSILON * square;
    }
}
#undef SUMS

double fc_line_error(const fc_line_bounds *b, size_t length, const double *squares, double middle) {
    /* Squares below the least normal number may be lost. */
    const double lost = sqrt((double)length * DBL_MIN), root = M_SQRT1_2 / sqrt((double)length);
    const double image = root * (sqrt(squares[0]) + lost), sums = root * (sqrt(squares[1]) + lost);
    return (b->stands_out ? STANDS_OUT : 1) *
        (FORTH * b->sizes.norm * image + BACK * fmin(sums, b->sizes.sum * image)) +
        (WAVE * image + fabs(middle)) * b->sizes.sum;
}

#define ADD_UP(T)                                                               \
    for (size_t v = 0; v < tiles; v++) {                                        \
        double sum = 0, cut = 0;                                                \
        for (size_t i = v * b->tile; i < fc_least((v + 1) * b->tile, n); i++) { \
            const double size = fabs((double)((const T *)cells)[i]);            \
            sum += size;                                                        \
            cut += size < cap ? size : cap;                                     \
        }                                                                       \
        sums[v] = sum;                                                          \
        plain[v + 1] = plain[v] + cut;                                          \
    }

/* The sums of tiles, and plain[v], the sum of cut cells of all tiles before v. */
static void add_up(
    const fc_line_bounds *b, const void *cells, size_t n, double cap, size_t tiles, double *sums, double *plain) {
    plain[0] = 0;
    if (b->f->work == FC_F32) {
        ADD_UP(fc_any_float)
    } else {
        ADD_UP(fc_any_double)
    }
}
#undef ADD_UP

/* Sums outputs [from, end) by the definition, or clears them where their windows hold nothing. */
static void sum_again(
    const fc_line_bounds *b, const void *cells, const double *sums, size_t tiles, size_t from, size_t end, void *outs) {
    const fc_filter *f = b->f;
    unsigned char *to = (unsigned char *)outs + from * f->number;
    int empty = 1;
    for (size_t v = from / b->tile; v < fc_least(fc_parts(end + b->taps - 1, b->tile), tiles); v++)
        empty &= sums[v] == 0;
    if (empty) {
        memset(to, 0, (end - from) * f->number);
        return;
    }
    const void *row = (const unsigned char *)cells + from * f->number;
    (f->work == FC_F32 ? f->kernels->convolve2d_f32 : f->kernels->convolve2d_f64)(
        &(fc_convolve2d_block){.taps = f->kernel,
            .k_h = 1,
            .k_w = b->taps,
            .step = 1,
            .rows = &row,
            .n_rows = 1,
            .n_cols = end - from,
            .out = to,
            .out_pitch = end - from});
}

/* bounds[u] = whether the plain sums of all windows of tile u of outputs are enough; how many are not. */
static size_t look_at_plain_sums(
    const fc_line_bounds *b, const double *plain, size_t tiles, double enough, size_t n, double *bounds) {
    size_t light = 0;
    for (size_t u = 0; u < n; u++) {
        const double sum = plain[u + 1 + b->count] - plain[u + 1] - LOST * plain[tiles];
        bounds[u] = sum >= enough;
        light += !(sum >= enough);
    }
    return light;
}

/* The same of weights by the coarse kernel, which it puts into `weights`, where the plain sums are not enough. */
static void look_at_tiles(
    const fc_line_bounds *b, const double *sums, double weight, size_t n, double *weights, double *bounds) {
    const void *row = sums + 1;
    b->f->kernels->convolve2d_f64(&(fc_convolve2d_block){.taps = b->coarse,
        .k_h = 1,
        .k_w = b->count,
        .step = 1,
        .rows = &row,
        .n_rows = 1,
        .n_cols = n,
        .out = weights,
        .out_pitch = n});
    for (size_t u = 0; u < n; u++)
        bounds[u] = bounds[u] > 0 || weights[u] >= ROUNDED * weight;
}

void fc_line_mend(
    const fc_line_bounds *b, const void *cells, size_t n, double cap, double weight, double *room, void *outs) {
    const size_t all = n + b->taps - 1, tiles = fc_parts(all, b->tile), out_tiles = fc_parts(n, b->tile);
    double *sums = room, *plain = sums + tiles, *bounds = plain + tiles + 1;
    const double enough = ROUNDED * fc_fft_plain_sum(&b->sizes, cap, weight);
    add_up(b, cells, all, cap, tiles, sums, plain);
    if (!(weight <= DBL_MAX)) {
        sum_again(b, cells, sums, tiles, 0, n, outs);
        return;
    }
    if (!look_at_plain_sums(b, plain, tiles, enough, out_tiles, bounds))
        return;
    if (b->count)
        look_at_tiles(b, sums, weight, out_tiles, plain, bounds);
    for (size_t u = 0, end; u < out_tiles; u = end) {
        end = u + 1;
        if (bounds[u] > 0)
            continue;
        while (end < out_tiles && !(bounds[end] > 0))
            end++;
        sum_again(b, cells, sums, tiles, u * b->tile, fc_least(end * b->tile, n), outs);
    }
}
