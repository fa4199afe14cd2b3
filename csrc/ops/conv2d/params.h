/* SPDX-License-Identifier: MIT */
/* The parameters of a layer as a key. */
#ifndef FC_OPS_CONV2D_PARAMS_H
#define FC_OPS_CONV2D_PARAMS_H

#include <stddef.h>
#include <string.h>

#include "fastconv_types.h"

enum { FC_PARAMS_SIZES = (offsetof(fc_conv2d_params, groups) - offsetof(fc_conv2d_params, n)) / sizeof(ptrdiff_t) + 1 };

static inline const char *fc_params_sizes(const fc_conv2d_params *p) {
    return (const char *)p + offsetof(fc_conv2d_params, n);
}

/* Of the sizes alone, and of `seed`. */
static inline size_t fc_params_hash(const fc_conv2d_params *p, size_t seed) {
    ptrdiff_t sizes[FC_PARAMS_SIZES];
    memcpy(sizes, fc_params_sizes(p), sizeof sizes);
    for (size_t i = 0; i < FC_PARAMS_SIZES; i++)
        seed = seed * 31 + (size_t)sizes[i];
    return seed ^ seed >> 16;
}

static inline int fc_params_equal(const fc_conv2d_params *a, const fc_conv2d_params *b) {
    return !memcmp(fc_params_sizes(a), fc_params_sizes(b), FC_PARAMS_SIZES * sizeof(ptrdiff_t)) &&
        a->dtype == b->dtype && a->kernel_dtype == b->kernel_dtype && a->layout == b->layout &&
        a->activation == b->activation && a->alpha == b->alpha && a->precision == b->precision &&
        a->algorithm == b->algorithm;
}

#endif
