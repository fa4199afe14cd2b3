/* SPDX-License-Identifier: MIT */
#include "kernels/ref/blocks.h"

#include <math.h>
#include <string.h>

#define GEMM(T, F, WIDE)                                                                                             \
    void fc_ref_gemm_##F(size_t rows, size_t cols, size_t k, const T *a, size_t a_pitch, const T *b, size_t b_pitch, \
        T *c, size_t c_pitch, int accumulate) {                                                                      \
        for (size_t r = 0; r < rows; r++)                                                                            \
            for (size_t j = 0; j < cols; j++) {                                                                      \
                WIDE sum = accumulate ? c[r * c_pitch + j] : 0;                                                      \
                for (size_t i = 0; i < k; i++)                                                                       \
                    sum += (WIDE)a[i * a_pitch + r] * b[i * b_pitch + j];                                            \
                c[r * c_pitch + j] = (T)sum;                                                                         \
            }                                                                                                        \
    }
GEMM(float, f32, double)
GEMM(double, f64, long double)

#define OUTER(T, F, WIDE)                                                                                             \
    void fc_ref_wgrad_gemm_##F(size_t height, size_t width, const fc_wgrad_gemm_block *g) {                           \
        for (size_t r = 0; r < height; r++)                                                                           \
            for (size_t j = 0; j < width; j++) {                                                                      \
                WIDE sum = 0;                                                                                         \
                for (ptrdiff_t n = 0; n < (ptrdiff_t)g->images; n++)                                                  \
                    for (ptrdiff_t i = 0; i < (ptrdiff_t)g->rows; i++)                                                \
                        for (ptrdiff_t p = 0; p < (ptrdiff_t)g->cols && j < g->outs; p++)                             \
                            sum += (WIDE)((                                                                           \
                                       const T *)g->a)[n * g->a_image + i * g->a_row + p * g->a_col + (ptrdiff_t)r] * \
                                ((const T *)g->b)[n * g->b_image + i * g->b_row + p * g->b_col + (ptrdiff_t)j];       \
                ((T *)g->c)[r * width + j] = (T)(g->accumulate ? (WIDE)((T *)g->c)[r * width + j] + sum : sum);       \
            }                                                                                                         \
    }
OUTER(float, f32, double)
OUTER(double, f64, long double)

#define DWCONV_WGRAD(T, F, WIDE)                                                                         \
    void fc_ref_dwconv_wgrad_##F(const fc_dwconv_wgrad *g) {                                             \
        for (ptrdiff_t t = 0; t < (ptrdiff_t)g->taps; t++)                                               \
            for (ptrdiff_t c = 0; c < (ptrdiff_t)g->channels; c++) {                                     \
                WIDE sum = 0;                                                                            \
                for (ptrdiff_t i = 0; i < (ptrdiff_t)g->rows; i++)                                       \
                    for (ptrdiff_t p = 0; p < (ptrdiff_t)g->cols; p++)                                   \
                        sum += (WIDE)((const T *)g->x)[t * g->x_tap + i * g->x_row + p * g->x_col + c] * \
                            ((const T *)g->dy)[i * g->dy_row + p * g->dy_col + c];                       \
                ((T *)g->sums)[t * (ptrdiff_t)g->channels + c] = (T)sum;                                 \
            }                                                                                            \
    }
DWCONV_WGRAD(float, f32, double)
DWCONV_WGRAD(double, f64, long double)

void fc_ref_transpose(size_t element, void *dst, size_t pitch, const void *const *src, size_t rows, size_t length) {
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < length; k++)
            memcpy((char *)dst + (k * pitch + i) * element, (const char *)src[i] + k * element, element);
}

float fc_ref_from_f16(uint16_t h) {
    int exponent = h >> 10 & 31, fraction = h & 1023;
    float magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
        : exponent                   ? ldexpf((float)(1024 + fraction), exponent - 25)
                                     : ldexpf((float)fraction, -24);
    return copysignf(magnitude, h & 0x8000 ? -1.0f : 1.0f);
}

float fc_ref_from_bf16(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* Magnitudes of either format rise with their bits: bisect, then take the nearer neighbour. */
static uint16_t nearest(float x, uint16_t infinity, float (*value)(uint16_t)) {
    uint16_t sign = signbit(x) ? 0x8000 : 0, low = 0, high = infinity;
    double magnitude = fabs((double)x),
           next = 2 * (double)value((uint16_t)(infinity - 1)) - value((uint16_t)(infinity - 2));
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (value(middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    double below = magnitude - value(low), above = (high == infinity ? next : value(high)) - magnitude;
    if (isinf(x))
        return (uint16_t)(sign | infinity);
    return (uint16_t)(sign | (above < below || (above == below && low % 2) ? high : low));
}

uint16_t fc_ref_to_f16(float x) { return nearest(x, 0x7c00, fc_ref_from_f16); }
uint16_t fc_ref_to_bf16(float x) { return nearest(x, 0x7f80, fc_ref_from_bf16); }
