/* SPDX-License-Identifier: MIT */
/* Sums of many numbers in double. */
#ifndef FC_OPS_FILTER_SUM_H
#define FC_OPS_FILTER_SUM_H

#include <stddef.h>

enum { FC_SUM_CHAINS = 8 }; /* sums side by side, as one would wait for each addition */

static inline double fc_sum_chains(const double *chains) {
    double all = 0;
    for (size_t c = 0; c < FC_SUM_CHAINS; c++)
        all += chains[c];
    return all;
}

/* Adds x to a sum, and to `lost` what the addition rounds off (Knuth's TwoSum); not finite where the sum overflows. */
static inline void fc_sum_add(double *sum, double *lost, double x) {
    const double all = *sum + x, rest = all - *sum;
    *lost += (*sum - (all - rest)) + (x - rest);
    *sum = all;
}

#endif
