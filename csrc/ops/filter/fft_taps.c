/* SPDX-License-Identifier: MIT */
/* What the error bounds of fft_bounds.c need of a kernel: its norms, and its taps by size. */
#include <math.h>
#include <string.h>

#include "ops/filter/fft.h"

static double size_of(const fc_filter *f, size_t tap) {
    const float *narrow = f->kernel;
    const double *wide = f->kernel;
    switch (f->work) {
    case FC_F32: return fabs((double)narrow[tap]);
    case FC_F64: return fabs(wide[tap]);
    case FC_C64: return hypot((double)narrow[2 * tap], (double)narrow[2 * tap + 1]);
    default: return hypot(wide[2 * tap], wide[2 * tap + 1]);
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
    return size > 0 && lot < FC_FFT_LOTS - 1 ? (size_t)lot : FC_FFT_LOTS - 1;
}

static int is_whole(double x) { return x == rint(x); }

void fc_fft_know_taps(const fc_filter *f, fc_fft_taps *taps) {
    const size_t count = (size_t)(f->k_h * f->k_w);
    double squares = 0;
    *taps = (fc_fft_taps){.whole = !fc_filter_is_complex(f->work)};
    for (size_t i = 0; i < count; i++)
        taps->most = fmax(taps->most, size_of(f, i));
    const int top = quarter_of(taps->most);
    const double scale = taps->most > 0 ? 1 / taps->most : 0;
    for (size_t i = 0; i < count; i++) {
        const double size = size_of(f, i);
        squares += size * scale * (size * scale);
        taps->sum += size;
        taps->whole = taps->whole && is_whole(size);
        taps->count[lot_of(size, top)]++;
    }
    taps->norm = sqrt(squares) * taps->most;
    for (size_t i = 0; i + 1 < FC_FFT_LOTS; i++)
        taps->least[i] = top >= (int)i ? least_of(top - (int)i) : 0;
}

double fc_fft_plain_sum(const fc_fft_taps *taps, double cap, double least) {
    double missing = least / cap, full = 0;
    if (!(least > 0))
        return 0;
    for (size_t i = FC_FFT_LOTS; i-- > 0;) {
        const double held = taps->least[i] * (double)taps->count[i];
        if (missing <= held)
            return (full + missing / taps->least[i]) * cap;
        missing -= held;
        full += (double)taps->count[i];
    }
    return INFINITY;
}

void fc_fft_sort_taps(const fc_filter *f, const fc_fft_taps *taps, fc_sparse_place *places, void *sizes) {
    const int top = quarter_of(taps->most);
    size_t next[FC_FFT_LOTS] = {0};
    for (size_t i = 0; i + 1 < FC_FFT_LOTS; i++)
        next[i + 1] = next[i] + taps->count[i];
    for (size_t i = 0; i < (size_t)(f->k_h * f->k_w); i++) {
        const double size = size_of(f, i);
        const size_t to = next[lot_of(size, top)]++;
        places[to] = (fc_sparse_place){i / (size_t)f->k_w, i % (size_t)f->k_w};
        if (f->work == FC_F32)
            ((float *)sizes)[to] = (float)size;
        else
            ((double *)sizes)[to] = size;
    }
}
