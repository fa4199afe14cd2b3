/* SPDX-License-Identifier: MIT */
/* Networks in 8 bits: convolutions of bytes that give bytes, and the way to and from floats; fastconv.h includes it. */
#ifndef FASTCONV_QUANTIZED_H
#define FASTCONV_QUANTIZED_H

#include "fastconv_types.h"

FC_BEGIN

/* Bytes, FC_U8 or FC_I8, that stand for real = (byte - zero) * scale. */
typedef struct fc_quantization {
    fc_dtype dtype;
    float scale;
    int zero;
} fc_quantization;

/*
 * What becomes of the exact sums of a convolution: y = zero + round(sum * factors[o]), o the output channel, rounded
 * with ties to even and cut to [low, high], numbers of y's type. Padded cells of x hold x_zero.
 */
typedef struct fc_requantization {
    const float *factors;
    int x_zero, zero, low, high;
} fc_requantization;

/* As fc_conv2d_run of an int8 or uint8 layer, whose sums become bytes y. */
fc_status fc_conv2d_run_quantized(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p,
    const fc_requantization *requantization, const void *x, void *y);

/* y = zero + round(x / scale), ties to even, saturated; NaN gives the least number. */
fc_status fc_quantize(const fc_quantization *q, size_t count, const float *x, void *y);
fc_status fc_dequantize(const fc_quantization *q, size_t count, const void *x, float *y);
/* y = zero + round((a + b) / scale) of what the bytes of a and b stand for, in float, cut to [low, high]; q is theirs
 * and y's. */
fc_status fc_add_quantized(
    const fc_quantization q[3], int low, int high, size_t count, const void *a, const void *b, void *y);
/* y = table[x]; table has 256 bytes, of which an FC_I8 x takes that of its bits. */
fc_status fc_lookup(const uint8_t *table, size_t count, const void *x, void *y);

FC_END

#endif
