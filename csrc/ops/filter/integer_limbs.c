/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/size.h"
#include "ops/filter/integer_fft.h"

/*
 * The error of a transform of n points, relative to the norm: a level of radix 2 errs by no more than eps for its sums,
 * sqrt 5 eps for the products with its twiddles and eps for their own rounding (R. P. Brent, C. Percival and P.
 * Zimmermann, "Error bounds on complex floating-point multiplication", 2007), less than 4.5 eps; those of radix 4, 6
 * and 8 no more than the levels of radix 2 that they stand for. Three transforms and the product of two give less than
 * 16 log2(n) eps of norm(x) norm(k), which bounds every sum.
 */
static const double LEVEL = 16, SURE = 0.25;

/* Shares of a transform: the way in; along the rows and the way out. */
static const double IN = 0.25, OUT = 0.85;

#define FOR_TYPE(X)       \
    switch (f->work) {    \
    case FC_I8:           \
    case FC_U8:           \
        X(int8_t) break;  \
    case FC_I16:          \
    case FC_U16:          \
        X(int16_t) break; \
    case FC_I32:          \
    case FC_U32:          \
        X(int32_t) break; \
    default:              \
        X(int64_t)        \
    }

/* The type as it may lie at any address. */
#define ANY_TYPE(T) typedef T any_t __attribute__((aligned(1)));

int fc_limbs_modulus(const fc_filter *f) { return f->work == FC_BOOL ? 1 : 8 * (int)f->number; }

int64_t fc_limbs_number(const fc_filter *f, const void *numbers, size_t i) {
    if (f->work == FC_BOOL)
        return ((const unsigned char *)numbers)[i] != 0;
#define NUMBER(T)                           \
    {                                       \
        ANY_TYPE(T)                         \
        return ((const any_t *)numbers)[i]; \
    }
    FOR_TYPE(NUMBER)
#undef NUMBER
}

/* x and -1 - x have the same bits but for the sign. */
#define COLLECT(T)                                   \
    {                                                \
        ANY_TYPE(T)                                  \
        T bits = 0;                                  \
        for (size_t i = 0; i < count; i++) {         \
            const T x = ((const any_t *)numbers)[i]; \
            bits |= x < 0 ? (T)~x : x;               \
        }                                            \
        all = (uint64_t)bits;                        \
    }

int fc_limbs_width(const fc_filter *f, const void *numbers, size_t count) {
    uint64_t all = 0;
    int width = 1;
    if (f->work == FC_BOOL)
        return 2;
    FOR_TYPE(COLLECT)
    for (; all; all >>= 1)
        width++;
    return width;
}
#undef COLLECT

/* Limbs below the last one lie about 0, so that each takes a carry to the next one. */
static int64_t limb_of(int64_t x, const fc_limbs *limbs, int i) {
    const uint64_t half = (uint64_t)1 << (limbs->bits - 1), mask = 2 * half - 1;
    for (int at = 0; at + 1 < limbs->count; at++) {
        const int64_t limb = (int64_t)((((uint64_t)x + half) & mask) - half);
        if (at == i)
            return limb;
        x = (int64_t)((uint64_t)x - (uint64_t)limb) >> limbs->bits;
    }
    return x;
}

#define READ(T)                                               \
    {                                                         \
        ANY_TYPE(T)                                           \
        const any_t *from = numbers;                          \
        if (limbs->count == 1)                                \
            for (size_t at = 0; at < n; at++)                 \
                to[at] = (double)from[at];                    \
        else                                                  \
            for (size_t at = 0; at < n; at++)                 \
                to[at] = (double)limb_of(from[at], limbs, i); \
    }

void fc_limbs_read(const fc_filter *f, const fc_limbs *limbs, int i, const void *numbers, size_t n, double *to) {
    if (f->work == FC_BOOL) {
        for (size_t at = 0; at < n; at++)
            to[at] = ((const unsigned char *)numbers)[at] != 0;
        return;
    }
    FOR_TYPE(READ)
}
#undef READ

#define WRITE(T)                   \
    for (size_t i = 0; i < n; i++) \
        ((T *)to)[i] = (T)sums[i];

void fc_limbs_write(const fc_filter *f, const uint64_t *sums, size_t n, void *to) {
    if (f->work == FC_BOOL) {
        for (size_t i = 0; i < n; i++)
            ((unsigned char *)to)[i] = sums[i] != 0;
        return;
    }
    FOR_TYPE(WRITE)
}
#undef WRITE

static double largest(const fc_limbs *limbs) { return ldexp(1, limbs->bits - 1) + 1; }

/* Whether sums of products of limbs, two of the image in one transform, are exact when rounded. */
static int is_exact(const fc_filter *f, const fc_fft_cut *cut, const fc_limbs *image, const fc_limbs *taps) {
    const double points = (double)cut->rows * (double)cut->cols, products = (double)f->k_h * (double)f->k_w;
    const double norms = sqrt(2 * points) * largest(image) * sqrt(products) * largest(taps);
    return LEVEL * log2(points) * norms * (DBL_EPSILON / 2) <= SURE;
}

/* Transforms that a block takes, two blocks being one where the image has one limb. */
static double cost_of(const fc_limbs *image, const fc_limbs *taps, int modulus) {
    double cost = 0;
    for (int i = 0; i < image->count; i += 2) {
        cost += IN;
        for (int k = 0; k < taps->count && i * image->bits + k * taps->bits < modulus; k++)
            cost += OUT;
    }
    return cost / (IN + OUT) * (image->count > 1 ? 2 : 1);
}

double fc_limbs_choose(
    const fc_filter *f, const fc_fft_cut *cut, int image_width, int taps_width, fc_limbs *image, fc_limbs *taps) {
    double least = -1;
    for (int n = 1; n <= FC_LIMBS; n += n > 1 ? 2 : 1)
        for (int k = 1; k <= FC_LIMBS; k++) {
            const fc_limbs x = {n, (image_width + n - 1) / n}, t = {k, (taps_width + k - 1) / k};
            const double cost = cost_of(&x, &t, fc_limbs_modulus(f));
            if ((least >= 0 && cost >= least) || !is_exact(f, cut, &x, &t))
                continue;
            least = cost;
            *image = x;
            *taps = t;
        }
    return least;
}
