/* SPDX-License-Identifier: MIT */
/*
 * Sums whose error does not grow with their length: at most a block of terms are added plainly, and what they come to
 * is added to a total in two parts, high + low, of which low holds what rounding took from high. (Knuth's TwoSum, The
 * Art of Computer Programming 2, 4.2.2, theorem B; Blanchard, Higham and Mary, A class of fast and accurate summation
 * algorithms, SIAM J. Sci. Comput. 42(3), 2020.) Blocks are short, as terms that are
 * alike lose up to an eps each where they are added to a great one.
 */
#ifndef FC_KERNELS_COMPENSATED_H
#define FC_KERNELS_COMPENSATED_H
enum { SUM_BLOCK = 4 }; /* terms added plainly */
#endif

typedef struct V(long_sum) {
    VEC high, low;
} V(long_sum);

static inline V(long_sum) V(long_sum_start)(void) { return (V(long_sum)){V(set1)(0), V(set1)(0)}; }

static inline void V(long_sum_add)(V(long_sum) * s, VEC v) {
    const VEC sum = V(add)(s->high, v), part = V(sub)(sum, s->high);
    s->low = V(add)(s->low, V(add)(V(sub)(s->high, V(sub)(sum, part)), V(sub)(v, part)));
    s->high = sum;
}

/* The low part of an infinite sum is NaN. */
static inline VEC V(long_sum_value)(V(long_sum) s) { return V(select)(V(isnan)(s.low), s.high, V(add)(s.high, s.low)); }
