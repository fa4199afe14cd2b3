/* SPDX-License-Identifier: MIT */
#include "kernels/ref/integer.h"

#include <string.h>

static uint32_t product(uint8_t a, uint8_t b, int a_signed) {
    return (uint32_t)(a_signed ? (int8_t)a * b : a * (int8_t)b);
}

/* Number i of a row of bytes, or of the bytes that 16-bit numbers are. */
static uint8_t row_byte(const void *row, size_t i, int wide) {
    int16_t number;
    if (!wide)
        return ((const uint8_t *)row)[i];
    memcpy(&number, (const char *)row + i * sizeof number, sizeof number);
    return (uint8_t)number;
}

void fc_ref_igemm_b8(const fc_igemm_block *block, const fc_igemm_tile *tile, int a_signed) {
    static const size_t places[2][4] = {{0, 1, 2, 3}, {0, 2, 1, 3}};
    const uint8_t *b = block->b;
    for (size_t r = 0; r < block->rows; r++)
        for (size_t j = 0; j < block->cols; j++) {
            uint32_t sum = 0, old;
            char *c = (char *)block->c + (r * block->c_pitch + j) * sizeof sum;
            if (block->start)
                memcpy(&sum, (const char *)block->start + j * sizeof sum, sizeof sum);
            for (size_t t = 0; t < block->runs; t++)
                for (size_t i = 0; i < 4 * block->length; i++)
                    sum += product(row_byte(block->a[t * tile->height + r], i, tile->wide),
                        b[((t * block->length + i / 4) * block->b_pitch + j) * 4 + places[tile->wide][i % 4]],
                        a_signed);
            memcpy(&old, c, sizeof old);
            sum += block->accumulate ? old : 0;
            if (block->relu && sum > INT32_MAX)
                sum = 0;
            memcpy(c, &sum, sizeof sum);
        }
}
