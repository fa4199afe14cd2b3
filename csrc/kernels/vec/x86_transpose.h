/* SPDX-License-Identifier: MIT */
/* Transposition in 128-bit registers: wider ones need lane-crossing shuffles and gain nothing at these sizes. */
#ifndef FC_VEC_X86_TRANSPOSE_H
#define FC_VEC_X86_TRANSPOSE_H

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>

static inline void transpose8_b8(uint8_t *dst, size_t pitch, const uint8_t *const *p, size_t k) {
    __m128i pairs[4], fours[4];
    for (int i = 0; i < 4; i++)
        pairs[i] = _mm_unpacklo_epi8(
            _mm_loadl_epi64((const __m128i *)(p[2 * i] + k)), _mm_loadl_epi64((const __m128i *)(p[2 * i + 1] + k)));
    for (int i = 0; i < 2; i++) {
        fours[i] = _mm_unpacklo_epi16(pairs[2 * i], pairs[2 * i + 1]);
        fours[i + 2] = _mm_unpackhi_epi16(pairs[2 * i], pairs[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++, dst += 4 * pitch) {
        __m128i low = _mm_unpacklo_epi32(fours[2 * i], fours[2 * i + 1]),
                high = _mm_unpackhi_epi32(fours[2 * i], fours[2 * i + 1]);
        _mm_storel_epi64((__m128i *)dst, low);
        _mm_storel_epi64((__m128i *)(dst + pitch), _mm_unpackhi_epi64(low, low));
        _mm_storel_epi64((__m128i *)(dst + 2 * pitch), high);
        _mm_storel_epi64((__m128i *)(dst + 3 * pitch), _mm_unpackhi_epi64(high, high));
    }
}

static inline void transpose4_b32(
    uint32_t *dst, size_t pitch, const uint32_t *p0, const uint32_t *p1, const uint32_t *p2, const uint32_t *p3) {
    __m128i a = _mm_loadu_si128((const __m128i *)p0), b = _mm_loadu_si128((const __m128i *)p1);
    __m128i c = _mm_loadu_si128((const __m128i *)p2), d = _mm_loadu_si128((const __m128i *)p3);
    __m128i ab_low = _mm_unpacklo_epi32(a, b), ab_high = _mm_unpackhi_epi32(a, b);
    __m128i cd_low = _mm_unpacklo_epi32(c, d), cd_high = _mm_unpackhi_epi32(c, d);
    _mm_storeu_si128((__m128i *)(dst), _mm_unpacklo_epi64(ab_low, cd_low));
    _mm_storeu_si128((__m128i *)(dst + pitch), _mm_unpackhi_epi64(ab_low, cd_low));
    _mm_storeu_si128((__m128i *)(dst + 2 * pitch), _mm_unpacklo_epi64(ab_high, cd_high));
    _mm_storeu_si128((__m128i *)(dst + 3 * pitch), _mm_unpackhi_epi64(ab_high, cd_high));
}

static inline void transpose2_b64(uint64_t *dst, size_t pitch, const uint64_t *p0, const uint64_t *p1) {
    __m128i a = _mm_loadu_si128((const __m128i *)p0), b = _mm_loadu_si128((const __m128i *)p1);
    _mm_storeu_si128((__m128i *)dst, _mm_unpacklo_epi64(a, b));
    _mm_storeu_si128((__m128i *)(dst + pitch), _mm_unpackhi_epi64(a, b));
}

#endif
