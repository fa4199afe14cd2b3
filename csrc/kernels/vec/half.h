/* SPDX-License-Identifier: MIT */
/* float16 and bfloat16 from and to float32 one at a time, where the ISA has no instruction for it. IEEE 754, to nearest
 * even. */
#ifndef FC_VEC_HALF_H
#define FC_VEC_HALF_H

#include <stdint.h>
#include <string.h>

static inline float half_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
static inline uint32_t half_to_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

static inline float half_from_bf16(uint16_t h) { return half_from_bits((uint32_t)h << 16); }

static inline uint16_t half_to_bf16(float x) {
    uint32_t u = half_to_bits(x);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float half_from_f16(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31)
        return half_from_bits(sign | 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0));
    if (exponent == 0) { /* zero and denormals: fraction * 2^-24 */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return half_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static inline uint16_t half_to_f16(float x) {
    uint32_t u = half_to_bits(x), sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));
    if (magnitude >= 0x477ff000u) /* 65520 and up round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000u) { /* below 2^-14: adding 0.5 leaves the denormal, rounded, in the low bits */
        float shifted = half_from_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (half_to_bits(shifted) - 0x3f000000u));
    }
    return (uint16_t)(sign | (magnitude - 0x38000000u + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

#endif
