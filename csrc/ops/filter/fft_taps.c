/* SPDX-License-Identifier: MIT */
/* What the error bounds of fft_bounds.c need of a kernel: its norms, and its taps by size. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/size.h"
#include "ops/filter/fft.h"
#include "ops/filter/sum.h"

static double size_of(const fc_filter *f, size_t tap) {
    const float *narrow = f->kernel;
    const double *wide = f->kernel;
    switch (f->work) {
    case FC_F32:
        return fabs((double)narrow[tap]);
    case FC_F64:
        return fabs(wide[tap]);
    case FC_C64:
        return hypot((double)narrow[2 * tap], (double)narrow[2 * tap + 1]);
    default:
        return hypot(wide[2 * tap], wide[2 * tap + 1]);
    }
}

/* The quarter of an octave that a size lies in; 0 lies below all. */
static int quarter_of(double size) {
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    return (int)(bits >> 50);
}

static double least_of(int quarter) {
    const uint64_t bits = (uint64_t)quarter << 50;
    double size;
    memcpy(&size, &bits, sizeof size);
    return size;
}

/* The lot of a tap: 0 for the largest, the last for all that are too small to count. */
static size_t lot_of(double size, int top) {
    const int lot = top - quarter_of(size);
    return (size_t)(size > 0 && lot < FC_FFT_LOTS - 1 ? lot : FC_FFT_LOTS - 1);
}

/* Adding a number whose last digit is a unit rounds to a whole one. */
static int is_whole(double x) { return x >= 0x1p52 || (x + 0x1.8p52) - 0x1.8p52 == x; }

void fc_fft_tap_sizes(const fc_filter *f, size_t first, size_t many, double *sizes) {
    if (f->work == FC_F32)
        for (size_t i = 0; i < many; i++)
            sizes[i] = fabs((double)((const float *)f->kernel)[first + i]);
    else
        for (size_t i = 0; i < many; i++)
            sizes[i] = size_of(f, first + i);
}

enum { READ = 64 }; /* sizes at a time */

/* `many` sizes of taps from `first` on, and zeros behind them. */
static void read_sizes(const fc_filter *f, size_t first, size_t many, double *sizes) {
    fc_fft_tap_sizes(f, first, many, sizes);
    for (size_t i = many; i < READ; i++)
        sizes[i] = 0;
}

static double largest(const fc_filter *f, size_t count) {
    double sizes[READ], most[FC_SUM_CHAINS] = {0};
    for (size_t first = 0; first < count; first += READ) {
        read_sizes(f, first, fc_least(READ, count - first), sizes);
        for (size_t i = 0; i < READ; i += FC_SUM_CHAINS)
            for (size_t c = 0; c < FC_SUM_CHAINS; c++)
                most[c] = sizes[i + c] > most[c] ? sizes[i + c] : most[c];
    }
    for (size_t c = 1; c < FC_SUM_CHAINS; c++)
        most[0] = fmax(most[0], most[c]);
    return most[0];
}

#define ADD_UP(T)                                                                   \
    for (; at + FC_SUM_CHAINS <= count; at += FC_SUM_CHAINS)                        \
        for (size_t c = 0; c < FC_SUM_CHAINS; c++)                                  \
            fc_sum_add(&sums[c], &lost[c], (double)((const T *)f->kernel)[at + c]); \
    for (; at < count; at++)                                                        \
        fc_sum_add(&sums[0], &lost[0], (double)((const T *)f->kernel)[at]);

/* The sum of all taps, with what each addition loses. */
static double find_total(const fc_filter *f, size_t count) {
    double sums[FC_SUM_CHAINS] = {0}, lost[FC_SUM_CHAINS] = {0};
    size_t at = 0;
    if (f->work == FC_F32) {
        ADD_UP(float)
    } else if (f->work == FC_F64) {
        ADD_UP(double)
    }
    for (size_t i = 1; i < FC_SUM_CHAINS; i++) {
        fc_sum_add(&sums[0], &lost[0], sums[i]);
        lost[0] += lost[i];
    }
    return isfinite(lost[0]) ? sums[0] + lost[0] : sums[0];
}
#undef ADD_UP

void fc_fft_know_taps(const fc_filter *f, fc_fft_taps *taps) {
    const size_t count = (size_t)(f->k_h * f->k_w);
    double sizes[READ], squares[FC_SUM_CHAINS] = {0}, sums[FC_SUM_CHAINS] = {0};
    int other = fc_filter_is_complex(f->work);
    *taps = (fc_fft_taps){.most = largest(f, count)};
    const int top = quarter_of(taps->most);
    const double unit = fmax(taps->most, DBL_MIN), scale = 1 / unit; /* a subnormal number has no finite inverse */
    for (size_t first = 0, many; first < count; first += many) {
        size_t lots[READ];
        many = fc_least(READ, count - first);
        read_sizes(f, first, many, sizes);
        for (size_t i = 0; i < READ; i += FC_SUM_CHAINS)
            for (size_t c = 0; c < FC_SUM_CHAINS; c++) {
                const double scaled = sizes[i + c] * scale;
                squares[c] += scaled * scaled;
                sums[c] += sizes[i + c];
            }
        for (size_t i = 0; i < READ; i++)
            lots[i] = lot_of(sizes[i], top);
        for (size_t i = 0; i < many; i++) {
            other |= !is_whole(sizes[i]);
            taps->count[lots[i]]++;
        }
    }
    taps->whole = !other;
    taps->total = find_total(f, count);
    taps->norm = sqrt(fc_sum_chains(squares)) * unit;
    taps->sum = fc_sum_chains(sums);
    for (size_t i = 0; i + 1 < FC_FFT_LOTS; i++) {
        taps->lots = taps->count[i] ? i + 1 : taps->lots;
        taps->least[i] = top >= (int)i ? least_of(top - (int)i) : 0;
    }
}

double fc_fft_plain_sum(const fc_fft_taps *taps, double cap, double least) {
    /* Nothing is divided by the cap, which may be near the largest number. */
    double missing = least, full = (double)taps->count[FC_FFT_LOTS - 1];
    if (!(least > 0))
        return 0;
    for (size_t i = taps->lots; i-- > 0;) {
        const double held = taps->least[i] * (double)taps->count[i] * cap;
        if (missing <= held)
            return full * cap + missing / taps->least[i];
        missing -= held;
        full += (double)taps->count[i];
    }
    return INFINITY;
}

size_t fc_fft_sort_taps(
    const fc_filter *f, const fc_fft_taps *taps, size_t least, fc_sparse_place *places, void *sizes) {
    const int top = quarter_of(taps->most);
    const size_t count = (size_t)(f->k_h * f->k_w);
    size_t next[FC_FFT_LOTS] = {0}, taken = 0, lots = 0;
    double from[READ];
    for (; lots < FC_FFT_LOTS && taken < least; lots++) {
        next[lots] = taken;
        taken += taps->count[lots];
    }
    const double smallest = lots < FC_FFT_LOTS ? taps->least[lots - 1] : 0;
    for (size_t first = 0, many; first < count; first += many) {
        many = fc_least(READ, count - first);
        fc_fft_tap_sizes(f, first, many, from);
        for (size_t i = 0; i < many; i++) {
            if (from[i] < smallest)
                continue;
            const size_t to = next[lot_of(from[i], top)]++, tap = first + i;
            places[to] = (fc_sparse_place){
                tap / (size_t)f->k_w, (tap % (size_t)f->k_w) << fc_filter_is_complex(f->work)};
            if (fc_filter_is_single(f))
                ((float *)sizes)[to] = (float)from[i];
            else
                ((double *)sizes)[to] = from[i];
        }
    }
    return taken;
}
