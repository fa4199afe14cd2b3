/* SPDX-License-Identifier: MIT */
/*
 * Kernels whose taps cancel (Haar's, Prewitt's, Sobel's, Scharr's, Laplacians) as weighted differences of cells. Taps
 * that are a number times powers of two are matched, the largest first; a weight is that number times a power of two,
 * so that none is rounded.
 */
#include <math.h>

#include "ops/filter/filter.h"

typedef struct open_tap {
    double left, unit; /* of the tap's size, in units of its mantissa */
    fc_sparse_place place;
} open_tap;

static size_t open_taps(const fc_filter *f, open_tap *taps) {
    const size_t count = (size_t)(f->k_h * f->k_w), k_w = (size_t)f->k_w;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const double tap = fc_filter_tap_part(f, i);
        int exponent;
        if (tap == 0)
            continue;
        const double unit = frexp(fabs(tap), &exponent);
        taps[found++] = (open_tap){ldexp(tap < 0 ? -1 : 1, exponent), unit, {i / k_w, i % k_w * (size_t)f->channels}};
    }
    return found;
}

/* The tap of the largest positive rest, and of those with its mantissa the one of the largest negative; 0 without. */
static int match(open_tap *taps, size_t count, open_tap **plus, open_tap **minus) {
    *plus = *minus = NULL;
    for (size_t i = 0; i < count; i++)
        if (taps[i].left > 0 && (!*plus || taps[i].left > (*plus)->left))
            *plus = taps + i;
    for (size_t i = 0; *plus && i < count; i++)
        if (taps[i].left < 0 && taps[i].unit == (*plus)->unit && (!*minus || taps[i].left < (*minus)->left))
            *minus = taps + i;
    return *minus != NULL;
}

size_t fc_filter_pairs(const fc_filter *f, void *weights, fc_sparse_place *places) {
    open_tap taps[FC_FILTER_CANCELLING], *plus, *minus;
    const size_t count = open_taps(f, taps);
    size_t pairs = 0;
    while (pairs < FC_FILTER_PAIRS && match(taps, count, &plus, &minus)) {
        int exponent;
        frexp(fmin(plus->left, -minus->left), &exponent);
        const double whole = ldexp(1, exponent - 1), weight = plus->unit * whole;
        plus->left -= whole;
        minus->left += whole;
        places[2 * pairs] = plus->place;
        places[2 * pairs + 1] = minus->place;
        if (f->work == FC_F32)
            ((float *)weights)[pairs++] = (float)weight;
        else
            ((double *)weights)[pairs++] = weight;
    }
    for (size_t i = 0; i < count; i++)
        if (taps[i].left != 0)
            return 0;
    return pairs;
}
