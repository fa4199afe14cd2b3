/* SPDX-License-Identifier: MIT */
#include "kernels/ref/bf16x3.h"

#include <math.h>
#include <string.h>

#include "kernels/ref/blocks.h"

static int out_of_range(float x) { return !(x == 0 || (fabsf(x) >= 0x1p-50f && fabsf(x) <= 0x1p50f)); }

static void split(float x, size_t planes, uint16_t *dst) {
    for (size_t p = 0; p < planes; p++) {
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        dst[p * FC_BF16X3_TILE] = (uint16_t)((bits + 0x8000) >> 16);
        x -= fc_ref_from_bf16(dst[p * FC_BF16X3_TILE]);
    }
}

static float element(const fc_bf16x3_source *s, size_t i) {
    if (s->dtype == FC_F32)
        return ((const float *)s->src)[i];
    const uint16_t half = ((const uint16_t *)s->src)[i];
    return s->dtype == FC_F16 ? fc_ref_from_f16(half) : fc_ref_from_bf16(half);
}

int fc_ref_bf16x3_rows(const fc_bf16x3_source *s) {
    int out = 0;
    for (size_t t = 0; t < s->tiles; t++)
        for (size_t r = 0; r < FC_BF16X3_ROWS; r++)
            for (size_t i = 0; i < FC_BF16X3_K; i++) {
                const float x = element(s, t * s->tile_pitch + r * s->row_pitch + i / 2 + i % 2 * s->pair_pitch);
                out |= out_of_range(x);
                split(x, s->planes, s->dst + (t * s->planes * FC_BF16X3_ROWS + r) * FC_BF16X3_K + i);
            }
    return out;
}

/* Row r of a left panel times column n of a right panel. */
static double product(const fc_bf16x3_block *s, const uint16_t *left, const uint16_t *right, size_t r, size_t n) {
    double sum = 0;
    for (size_t t = 0; t < s->tiles; t++)
        for (size_t p = 0; p < s->planes; p++)
            for (size_t q = 0; p + q < s->planes; q++)
                for (size_t k = 0; k < FC_BF16X3_K; k++)
                    sum += (double)fc_ref_from_bf16(
                               left[((t * s->planes + p) * FC_BF16X3_ROWS + r) * FC_BF16X3_K + k]) *
                        (double)fc_ref_from_bf16(
                            right[((t * s->planes + q) * FC_BF16X3_ROWS + k / 2) * FC_BF16X3_K + 2 * n + k % 2]);
    return sum;
}

void fc_ref_bf16x3_gemm(const fc_bf16x3_block *s, double *c, size_t c_pitch) {
    for (size_t i = 0; i < s->left_panels * FC_BF16X3_ROWS; i++)
        for (size_t j = 0; j < s->right_panels * FC_BF16X3_ROWS; j++) {
            const uint16_t *left = s->left + i / FC_BF16X3_ROWS * s->left_pitch,
                           *right = s->right + j / FC_BF16X3_ROWS * s->right_pitch;
            double *to = c + i * c_pitch + j;
            *to = product(s, left, right, i % FC_BF16X3_ROWS, j % FC_BF16X3_ROWS) + (s->accumulate ? *to : 0);
        }
}
