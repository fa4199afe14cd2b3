/* SPDX-License-Identifier: MIT */
/* Filters that give an image of the same size, as OpenCV's filter2D. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

/* Sums of 8-bit numbers under taps of this much in all stay within 16 bits, even when 128 is added to round them. */
enum {
    SIGNED_TAPS = 127,
    UNSIGNED_TAPS = 256,
    SCALED_CELLS = 1 << 14
}; /* of images large enough to look for a multiplier */
enum { SLIDING_TAPS = 100 }; /* equal ones from which slide.c is faster */

static fc_status measure(const fc_filter2d_params *p, fc_filter *f) {
    if (p->anchor_row < 0 || p->anchor_row >= p->k_h || p->anchor_col < 0 || p->anchor_col >= p->k_w)
        return FC_BAD_ARGUMENT;
    *f = (fc_filter){.image_type = p->dtype,
        .work = p->work,
        .result = p->result,
        .h = p->image_h,
        .w = p->image_w,
        .channels = p->channels,
        .k_h = p->k_h,
        .k_w = p->k_w,
        .top = -p->anchor_row,
        .left = -p->anchor_col,
        .out_h = p->image_h,
        .out_w = p->image_w,
        .boundary = p->boundary,
        .scaling = {.scale = 1}};
    FC_TRY(fc_check_tensor(p->work, 1, p->image_h, p->image_w, p->channels));
    return fc_check_tensor(p->work, 1, p->k_h, p->k_w, 1);
}

/*
 * 8-bit images under kernels of few small integers, or of these times one number as a box or binomial filter's: their
 * sums are exact in 16 bits, of which a vector holds twice as many. Writes the integers; the type of the sums is FC_F32
 * where the kernel has no such form.
 */
static fc_dtype small_integers(const fc_filter *f, int16_t *taps, double *scale, float *total) {
    const fc_any_float *kernel = f->kernel;
    const size_t count = (size_t)(f->k_h * f->k_w);
    float least = INFINITY, most = 0, sum = 0;
    int negative = 0, equal = 1;
    for (size_t i = 0; i < count; i++) {
        least = kernel[i] != 0 ? fminf(least, fabsf(kernel[i])) : least;
        most = fmaxf(most, fabsf(kernel[i]));
    }
    if (!(most <= UNSIGNED_TAPS * least) || least < FLT_MIN)
        return FC_F32;
    for (size_t i = 0; i < count; i++) {
        const float whole = rintf(kernel[i] / least);
        if (whole * least != kernel[i])
            return FC_F32;
        negative |= whole < 0;
        equal &= whole == 1;
        sum += fabsf(whole);
        taps[i] = (int16_t)whole;
    }
    *scale = least;
    *total = sum;
    if (equal && count > SLIDING_TAPS)
        return FC_F32;
    return sum > (negative ? SIGNED_TAPS : UNSIGNED_TAPS) ? FC_F32 : negative ? FC_I16 : FC_U16;
}

/* The integer nearest to the product, ties to even. */
static float rounded(unsigned x, float scale) { return (float)x * scale + 0x1.8p23f - 0x1.8p23f; }

/* Whether fc_scaled gives for all x <= most what rounding gives, up to 255: both only rise, so it is enough to look
 * where they do. */
static int agrees(const fc_scaling *s, unsigned most) {
    const float scale = (float)s->scale;
    for (int level = 1; level <= UINT8_MAX && (float)level <= rounded(most, scale); level++) {
        unsigned x = (unsigned)(((float)level - 0.5f) / scale);
        while (rounded(x, scale) >= (float)level)
            x--;
        while (rounded(x, scale) < (float)level)
            x++;
        if (fc_scaled((uint16_t)x, s) < level || fc_scaled((uint16_t)(x - 1), s) >= level)
            return 0;
    }
    return fc_scaled((uint16_t)most, s) >= fminf(rounded(most, scale), UINT8_MAX);
}

/* A multiplication of integers in place of one of floats, where it gives the same numbers for all sums up to `most`. */
static void find_multiplier(fc_scaling *s, unsigned most) {
    int exponent;
    if (frexp(s->scale, &exponent) == 0.5 || s->scale >= 1 || most < 1)
        return;
    while (most << (s->left + 1) <= UINT16_MAX)
        s->left++;
    while (s->right < 15 && ldexp(s->scale, 17 + s->right - s->left) < UINT16_MAX &&
        ldexp(most * s->scale, s->right + 1) + (1 << (s->right + 1)) < UINT16_MAX)
        s->right++;
    const double exact = ldexp(s->scale, 16 + s->right - s->left);
    for (int higher = 0; higher < 2 && s->right; higher++)
        for (int bias = -1; bias < 2; bias++) {
            s->multiplier = (uint16_t)(exact + higher);
            s->bias = (uint16_t)((1 << (s->right - 1)) + bias);
            if (s->multiplier && agrees(s, most))
                return;
        }
    s->multiplier = 0;
}

/* Rewrites f to sums of 16 bits where they serve; *memory, the taps, is the caller's to free. */
static fc_status lower(fc_filter *f, int16_t *value, void **memory) {
    const size_t count = (size_t)(f->k_h * f->k_w);
    float fill = 0;
    if (f->fill)
        memcpy(&fill, f->fill, sizeof fill);
    *memory = NULL;
    if (f->image_type != FC_U8 || f->work != FC_F32 || (f->result != FC_U8 && f->result != FC_I16) ||
        count > 4 * UNSIGNED_TAPS)
        return FC_OK;
    if (f->boundary == FC_FILL && (!(fill >= 0 && fill <= UINT8_MAX) || fill != rintf(fill)))
        return FC_OK;
    if (!(*memory = fc_scratch_alloc(count * sizeof(int16_t))))
        return FC_OUT_OF_MEMORY;
    float total;
    const fc_dtype work = small_integers(f, *memory, &f->scaling.scale, &total);
    if (work == FC_F32 || (f->result == FC_I16 && (work != FC_I16 || f->scaling.scale != 1))) {
        f->scaling.scale = 1;
        return FC_OK;
    }
    if (work == FC_U16 && f->h * f->w >= SCALED_CELLS)
        find_multiplier(&f->scaling, UINT8_MAX * (unsigned)total);
    *value = (int16_t)(f->boundary == FC_FILL ? fill : 0);
    f->fill = f->fill ? value : NULL;
    f->kernel = *memory;
    f->work = work;
    return FC_OK;
}

fc_status fc_filter2d(
    const fc_filter2d_params *p, const void *image, const void *kernel, const void *value, void *out) {
    fc_filter f;
    int16_t small_value;
    void *memory;
    if (!image || !kernel || !out)
        return FC_BAD_ARGUMENT;
    FC_TRY(measure(p, &f));
    f.image = image;
    f.kernel = kernel;
    f.fill = value;
    f.out = out;
    FC_TRY(lower(&f, &small_value, &memory));
    const fc_status status = fc_filter_run(&f, p->algorithm);
    fc_scratch_free(memory);
    return status;
}

fc_status fc_plan_filter2d(const fc_filter2d_params *p, const void *kernel, fc_filter_plan *plan) {
    fc_filter f;
    int16_t small_value;
    void *memory;
    if (!kernel)
        return FC_BAD_ARGUMENT;
    FC_TRY(measure(p, &f));
    f.kernel = kernel;
    FC_TRY(lower(&f, &small_value, &memory));
    const fc_status status = fc_filter_explain(&f, p->algorithm, plan);
    fc_scratch_free(memory);
    return status;
}
