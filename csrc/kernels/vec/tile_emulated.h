/* SPDX-License-Identifier: MIT */
/* The tile words in plain C, for the checker: the order of additions and the rounding of the instructions; denormals
 * count as 0. */
#ifndef FC_VEC_TILE_EMULATED_H
#define FC_VEC_TILE_EMULATED_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VEC_TILES 1
#define TILE_RATE_BF16 1
#define TILE_BEGIN() memset(tile_registers, 0xff, sizeof tile_registers)
#define TILE_END() memset(tile_registers, 0xff, sizeof tile_registers)
#define TILE_ZERO(tile) memset(tile_registers[tile], 0, sizeof tile_registers[tile])
#define TILE_LOAD(tile, p, pitch) tile_load(tile, p, pitch)
#define TILE_STORE(tile, p, pitch) tile_store(tile, p, pitch)
#define TILE_DOT_BF16(sum, a, b) tile_dot_bf16(tile_registers[sum], tile_registers[a], tile_registers[b])
#define TILE_DOT_U8S8(sum, a, b) tile_dot_bytes(tile_registers[sum], tile_registers[a], tile_registers[b], 0)
#define TILE_DOT_S8U8(sum, a, b) tile_dot_bytes(tile_registers[sum], tile_registers[a], tile_registers[b], 1)

static unsigned char tile_registers[8][1024];

static inline void tile_load(int tile, const void *p, size_t pitch) {
    for (size_t r = 0; r < 16; r++)
        memcpy(tile_registers[tile] + 64 * r, (const char *)p + r * pitch, 64);
}

static inline void tile_store(int tile, void *p, size_t pitch) {
    for (size_t r = 0; r < 16; r++)
        memcpy((char *)p + r * pitch, tile_registers[tile] + 64 * r, 64);
}

static inline float tile_flush(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

static inline float tile_bf16(const unsigned char *at) {
    uint16_t upper;
    memcpy(&upper, at, sizeof upper);
    const uint32_t bits = (uint32_t)upper << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return tile_flush(x);
}

/* The even and the odd elements of a row are summed apart, then added to each other and to the sum. */
static inline void tile_dot_bf16(unsigned char *sum, const unsigned char *a, const unsigned char *b) {
    for (size_t r = 0; r < 16; r++)
        for (size_t n = 0; n < 16; n++) {
            float even = 0, odd = 0, total;
            for (size_t k = 0; k < 16; k++) {
                even = tile_flush(fmaf(tile_bf16(a + 64 * r + 4 * k), tile_bf16(b + 64 * k + 4 * n), even));
                odd = tile_flush(fmaf(tile_bf16(a + 64 * r + 4 * k + 2), tile_bf16(b + 64 * k + 4 * n + 2), odd));
            }
            memcpy(&total, sum + 64 * r + 4 * n, sizeof total);
            total = tile_flush(tile_flush(total) + tile_flush(even + odd));
            memcpy(sum + 64 * r + 4 * n, &total, sizeof total);
        }
}

/* Four bytes of a row times four of a column, modulo 2^32. */
static inline void tile_dot_bytes(unsigned char *sum, const unsigned char *a, const unsigned char *b, int a_signed) {
    for (size_t r = 0; r < 16; r++)
        for (size_t n = 0; n < 16; n++) {
            uint32_t total;
            memcpy(&total, sum + 64 * r + 4 * n, sizeof total);
            for (size_t k = 0; k < 64; k++) {
                const unsigned char x = a[64 * r + k], y = b[64 * (k / 4) + 4 * n + k % 4];
                total += (uint32_t)(a_signed ? (int8_t)x * y : x * (int8_t)y);
            }
            memcpy(sum + 64 * r + 4 * n, &total, sizeof total);
        }
}

#endif
