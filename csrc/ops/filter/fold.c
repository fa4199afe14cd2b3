/* SPDX-License-Identifier: MIT */
#include "ops/filter/fold.h"

#include <math.h>
#include <string.h>

#include "core/size.h"
#include "ops/filter/sum.h"

/* The sum of every step-th of n taps, which keeps what its additions lose. */
static double sum_of(const double *taps, ptrdiff_t n, ptrdiff_t step) {
    double sum = 0, lost = 0;
    for (ptrdiff_t i = 0; i < n; i += step)
        fc_sum_add(&sum, &lost, taps[i]);
    return isfinite(lost) ? sum + lost : sum;
}

/* Taps that are a period apart meet the same cell. */
static void fold_period(fc_fold_axis *axis, ptrdiff_t period, const double *taps, double *folded) {
    for (ptrdiff_t i = 0; i < period; i++)
        folded[i] = sum_of(taps + i, axis->k - i, period);
    axis->k = period;
    axis->start %= period;
}

/* Taps that lie outside of the axis on the same side for every output are one. */
static void fold_ends(fc_fold_axis *axis, const double *taps, double *folded) {
    const ptrdiff_t first = fc_min(fc_max(-axis->start - axis->outs, 0), axis->k - 1),
                    last = fc_max(fc_min(axis->n - axis->start, axis->k - 1), first);
    if (first == last) {
        folded[0] = sum_of(taps, axis->k, 1);
    } else {
        folded[0] = sum_of(taps, first + 1, 1);
        memcpy(folded + 1, taps + first + 1, (size_t)(last - first - 1) * sizeof *taps);
        folded[last - first] = sum_of(taps + last, axis->k - last, 1);
    }
    axis->start += first;
    axis->k = last - first + 1;
}

void fc_fold(fc_fold_axis *axis, const double *taps, double *folded) {
    const int repeats = axis->boundary == FC_FILL || axis->boundary == FC_NEAREST;
    const ptrdiff_t period = axis->boundary == FC_WRAP ? axis->n
        : axis->boundary == FC_SYMM                    ? 2 * axis->n
                                                       : fc_max(2 * axis->n - 2, 1);
    if (repeats)
        fold_ends(axis, taps, folded);
    else if (axis->k > period)
        fold_period(axis, period, taps, folded);
    else
        memcpy(folded, taps, (size_t)axis->k * sizeof *taps);
}
