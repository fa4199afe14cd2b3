/* SPDX-License-Identifier: MIT */
/* The types of the kernels of networks in 8 bits; the contract of types.h holds. */
#ifndef FC_KERNELS_QUANTIZED_TYPES_H
#define FC_KERNELS_QUANTIZED_TYPES_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes are numbers of int8 where they are signed, else of uint8. Rounding is to nearest, ties to even; results are cut
 * to [low, high], which lie below 2^10 in size, before the zero point is added, and NaN is cut to low.
 */
typedef struct fc_byte_scale {
    float scale;
    int zero, is_signed;
} fc_byte_scale;

/* y[r * y_pitch + j] = zero + round(sums[r * pitch + j] * factors[j]), its low byte, r < rows, j < cols. */
typedef struct fc_requantize_block {
    size_t rows, cols, pitch, y_pitch;
    const int32_t *sums;
    const float *factors;
    float low, high;
    int zero;
    uint8_t *y;
} fc_requantize_block;
typedef void fc_requantize_fn(const fc_requantize_block *block);

/* y[i] = zero + round(x[i] / scale), its low byte, i < n. */
typedef void fc_quantize_fn(size_t n, float scale, float low, float high, int zero, const void *x, uint8_t *y);
/* y[i] = (x[i] - zero) * scale, i < n. */
typedef void fc_dequantize_fn(size_t n, const fc_byte_scale *s, const uint8_t *x, void *y);

/* y[i] = zero + round((a[i] + b[i]) / scale) of what a and b stand for, its low byte, i < n. */
typedef struct fc_add_bytes_block {
    fc_byte_scale a, b;
    float scale, low, high;
    int zero;
} fc_add_bytes_block;
typedef void fc_add_bytes_fn(size_t n, const fc_add_bytes_block *block, const uint8_t *a, const uint8_t *b, uint8_t *y);

/* y[i] = the largest of x[t][i], t < count, i < n; count is at least 1. */
typedef void fc_most_fn(size_t count, const void *const *x, size_t n, void *y);

#endif
