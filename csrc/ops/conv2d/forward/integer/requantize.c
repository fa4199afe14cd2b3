/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/forward/integer/integer.h"

void fc_requantize_rows(const fc_layer *layer, size_t rows, size_t cols, const float *factors, const int32_t *sums,
    size_t pitch, uint8_t *y, size_t y_pitch) {
    const fc_requantization *q = layer->requantized;
    layer->kernels->requantize(&(fc_requantize_block){.rows = rows,
        .cols = cols,
        .pitch = pitch,
        .y_pitch = y_pitch,
        .sums = sums,
        .factors = factors,
        .low = (float)(q->low - q->zero),
        .high = (float)(q->high - q->zero),
        .zero = q->zero,
        .y = y});
}
