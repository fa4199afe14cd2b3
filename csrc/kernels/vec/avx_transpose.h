/* SPDX-License-Identifier: MIT */
/* 8 x 8 in 256-bit registers: halves of rows i and i + 4 share one, so that no shuffle crosses lanes. */
#ifndef FC_VEC_AVX_TRANSPOSE_H
#define FC_VEC_AVX_TRANSPOSE_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

static inline __m256 transpose8_halves(const uint32_t *low, const uint32_t *high) {
    return _mm256_insertf128_ps(
        _mm256_castps128_ps256(_mm_loadu_ps((const float *)low)), _mm_loadu_ps((const float *)high), 1);
}

static inline void transpose8_b32(uint32_t *dst, size_t pitch, const uint32_t *const *p, size_t k) {
    for (size_t column = 0; column < 8; column += 4, dst += 4 * pitch) {
        __m256 rows[4];
        for (int i = 0; i < 4; i++)
            rows[i] = transpose8_halves(p[i] + k + column, p[i + 4] + k + column);
        __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[0], rows[1])),
                high01 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[0], rows[1]));
        __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[2], rows[3])),
                high23 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[2], rows[3]));
        _mm256_storeu_pd((double *)dst, _mm256_unpacklo_pd(low01, low23));
        _mm256_storeu_pd((double *)(dst + pitch), _mm256_unpackhi_pd(low01, low23));
        _mm256_storeu_pd((double *)(dst + 2 * pitch), _mm256_unpacklo_pd(high01, high23));
        _mm256_storeu_pd((double *)(dst + 3 * pitch), _mm256_unpackhi_pd(high01, high23));
    }
}

#endif
