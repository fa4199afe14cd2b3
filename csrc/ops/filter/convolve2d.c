/* SPDX-License-Identifier: MIT */
/* scipy.signal's convolve2d and correlate2d, as filters. SciPy adds products in the order of the kernel given, from its
 * first tap on. */
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

/* Output size along one axis, and the image index under the first tap of the first output. */
static fc_status axis(const fc_convolve2d_params *p, ptrdiff_t image, ptrdiff_t k, ptrdiff_t *out, ptrdiff_t *start) {
    if (image < 1 || k < 1)
        return FC_BAD_SHAPE;
    switch (p->mode) {
    case FC_FULL:
        *start = -(k - 1);
        return __builtin_add_overflow(image, k - 1, out) ? FC_TOO_LARGE : FC_OK;
    case FC_SAME:
        *start = p->correlate ? -((k - 1) / 2) : -(k / 2);
        *out = image;
        return FC_OK;
    case FC_VALID:
        *start = 0;
        *out = image - k + 1;
        return *out < 1 ? FC_BAD_SHAPE : FC_OK;
    }
    return FC_BAD_ARGUMENT;
}

static fc_status measure(const fc_convolve2d_params *p, fc_filter *f) {
    *f = (fc_filter){.image_type = p->dtype,
        .work = p->dtype,
        .result = p->dtype,
        .h = p->image_h,
        .w = p->image_w,
        .channels = 1,
        .k_h = p->k_h,
        .k_w = p->k_w,
        .boundary = p->boundary,
        .scaling = {.scale = 1},
        .backwards = !p->correlate};
    FC_TRY(axis(p, p->image_h, p->k_h, &f->out_h, &f->top));
    FC_TRY(axis(p, p->image_w, p->k_w, &f->out_w, &f->left));
    if (p->boundary < FC_FILL || p->boundary > FC_SYMM)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_check_tensor(p->dtype, 1, p->image_h, p->image_w, 1));
    FC_TRY(fc_check_tensor(p->dtype, 1, p->k_h, p->k_w, 1));
    return fc_check_tensor(p->dtype, 1, f->out_h, f->out_w, 1);
}

fc_status fc_convolve2d_output_size(const fc_convolve2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w) {
    fc_filter f;
    FC_TRY(measure(p, &f));
    *out_h = f.out_h;
    *out_w = f.out_w;
    return FC_OK;
}

#define CONJUGATE(word, type)              \
    if (dtype == word)                     \
        for (size_t i = 0; i < count; i++) \
            ((type *)kernel)[2 * i + 1] = -((type *)kernel)[2 * i + 1];

static void conjugate(fc_dtype dtype, void *kernel, size_t count) {
    CONJUGATE(FC_C64, float)
    CONJUGATE(FC_C128, double)
    CONJUGATE(FC_CLONGDOUBLE, long double)
}
#undef CONJUGATE

/* to[i] = from[count - 1 - i], numbers of `size` bytes. */
static void reverse(const unsigned char *from, size_t count, size_t size, unsigned char *to) {
#define REVERSE(bytes)                                                     \
    case bytes:                                                            \
        for (size_t i = 0; i < count; i++)                                 \
            memcpy(to + i * bytes, from + (count - 1 - i) * bytes, bytes); \
        break;
    switch (size) {
        REVERSE(1)
        REVERSE(2)
        REVERSE(4)
        REVERSE(8)
    default:
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * size, from + (count - 1 - i) * size, size);
    }
#undef REVERSE
}

/* The kernel that correlates as p asks: turned round for a convolution, conjugated for a correlation; *memory is to be
 * freed. */
static fc_status turned(const fc_convolve2d_params *p, const void *kernel, const void **result, void **memory) {
    const size_t count = (size_t)(p->k_h * p->k_w), size = fc_dtype_size(p->dtype);
    *result = kernel;
    *memory = NULL;
    if (p->correlate && !fc_filter_is_complex(p->dtype))
        return FC_OK;
    if (!(*memory = fc_scratch_alloc(count * size)))
        return FC_OUT_OF_MEMORY;
    *result = *memory;
    if (p->correlate) {
        memcpy(*memory, kernel, count * size);
        conjugate(p->dtype, *memory, count);
    } else {
        reverse(kernel, count, size, *memory);
    }
    return FC_OK;
}

fc_status fc_convolve2d(
    const fc_convolve2d_params *p, const void *image, const void *kernel, const void *fillvalue, void *out) {
    fc_filter f;
    void *memory;
    if (!image || !kernel || !out)
        return FC_BAD_ARGUMENT;
    FC_TRY(measure(p, &f));
    FC_TRY(turned(p, kernel, &f.kernel, &memory));
    f.image = image;
    f.fill = fillvalue;
    f.out = out;
    const fc_status status = fc_filter_run(&f, p->algorithm);
    fc_scratch_free(memory);
    return status;
}

fc_status fc_plan_convolve2d(const fc_convolve2d_params *p, const void *kernel, fc_filter_plan *plan) {
    fc_filter f;
    void *memory;
    if (!kernel)
        return FC_BAD_ARGUMENT;
    FC_TRY(measure(p, &f));
    FC_TRY(turned(p, kernel, &f.kernel, &memory));
    const fc_status status = fc_filter_explain(&f, p->algorithm, plan);
    fc_scratch_free(memory);
    return status;
}
