/* SPDX-License-Identifier: MIT */
/* Checked size arithmetic: every byte count in fastconv is made here. */
#ifndef FC_CORE_SIZE_H
#define FC_CORE_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "fastconv.h"

#define FC_TRY(call)                      \
    do {                                  \
        fc_status fc_try_status = (call); \
        if (fc_try_status != FC_OK)       \
            return fc_try_status;         \
    } while (0)

/* *product = the product of count factors, each >= 0; FC_TOO_LARGE beyond PTRDIFF_MAX. */
static inline fc_status fc_multiply(const ptrdiff_t *factors, size_t count, size_t *product) {
    size_t total = 1;
    for (size_t i = 0; i < count; i++) {
        if (factors[i] < 0)
            return FC_BAD_SHAPE;
        if (__builtin_mul_overflow(total, (size_t)factors[i], &total) || total > PTRDIFF_MAX)
            return FC_TOO_LARGE;
    }
    *product = total;
    return FC_OK;
}

static inline fc_status fc_check_tensor(fc_dtype dtype, ptrdiff_t n, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c) {
    const ptrdiff_t factors[] = {n, h, w, c, (ptrdiff_t)fc_dtype_size(dtype)};
    size_t bytes;
    return fc_multiply(factors, 5, &bytes);
}

static inline ptrdiff_t fc_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t fc_max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static inline ptrdiff_t fc_ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static inline size_t fc_least(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t fc_parts(size_t whole, size_t part) {
    return (whole + part - 1) / part;
} /* how many parts hold the whole */
static inline uint64_t fc_gcd(uint64_t a, uint64_t b) {
    while (b) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}
static inline ptrdiff_t fc_round_up(ptrdiff_t a, ptrdiff_t multiple) { return fc_ceil_div(a, multiple) * multiple; }

#endif
