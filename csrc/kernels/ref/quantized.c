/* SPDX-License-Identifier: MIT */
#include "kernels/ref/quantized.h"

#include <math.h>
#include <string.h>

/* The integer nearest to x, of two the even one. */
static float nearest(float x) {
    const float down = floorf(x), part = x - down;
    return part < 0.5f || (part == 0.5f && fmodf(down, 2) == 0) ? down : down + 1;
}

static uint8_t byte_of(float x, float low, float high, int zero) {
    if (!(x > low))
        return (uint8_t)((int)low + zero);
    return (uint8_t)((int)nearest(x < high ? x : high) + zero);
}

void fc_ref_requantize(const fc_requantize_block *b) {
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < b->cols; j++) {
            const float x = (float)b->sums[r * b->pitch + j] * ((const fc_any_float *)b->factors)[j];
            b->y[r * b->y_pitch + j] = byte_of(x, b->low, b->high, b->zero);
        }
}

void fc_ref_quantize(size_t n, float scale, float low, float high, int zero, const void *x, uint8_t *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = byte_of(((const fc_any_float *)x)[i] / scale, low, high, zero);
}

static float real_of(uint8_t x, const fc_byte_scale *s) {
    return (float)((s->is_signed ? (int8_t)x : x) - s->zero) * s->scale;
}

void fc_ref_dequantize(size_t n, const fc_byte_scale *s, const uint8_t *x, void *y) {
    for (size_t i = 0; i < n; i++)
        ((fc_any_float *)y)[i] = real_of(x[i], s);
}

void fc_ref_add_bytes(size_t n, const fc_add_bytes_block *s, const uint8_t *a, const uint8_t *b, uint8_t *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = byte_of((real_of(a[i], &s->a) + real_of(b[i], &s->b)) / s->scale, s->low, s->high, s->zero);
}

void fc_ref_most_u8(size_t count, const void *const *x, size_t n, void *y) {
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < count; t++) {
            const uint8_t cell = ((const uint8_t *)x[t])[i];
            ((uint8_t *)y)[i] = t && ((uint8_t *)y)[i] > cell ? ((uint8_t *)y)[i] : cell;
        }
}

void fc_ref_most_i8(size_t count, const void *const *x, size_t n, void *y) {
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < count; t++) {
            const int8_t cell = ((const int8_t *)x[t])[i];
            ((int8_t *)y)[i] = t && ((int8_t *)y)[i] > cell ? ((int8_t *)y)[i] : cell;
        }
}
