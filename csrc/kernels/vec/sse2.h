/* SPDX-License-Identifier: MIT */
/* The floor of x86-64: 4 float or 2 double lanes, 16 registers, no FMA, no masks. */
#ifndef FC_VEC_SSE2_H
#define FC_VEC_SSE2_H

#include <emmintrin.h>

#include "kernels/vec/half.h"
#include "kernels/vec/x86_transpose.h"

#define VEC_REGISTERS 16
#define GEMM_F32_SHAPES(X) X(6, 2) X(12, 1)
#define GEMM_F64_SHAPES(X) X(6, 2) X(12, 1)

typedef __m128 vf32;
typedef __m128d vf64;
typedef __m128 mf32;
typedef __m128d mf64;
enum { VF32_LANES = 4, VF64_LANES = 2 };

#define FC_SSE2_WORDS(V, M, T, S, INTEGER, LANES, MANTISSA, BIAS)                                                  \
    static inline V V##_load(const T *p) { return _mm_loadu_##S(p); }                                              \
    static inline void V##_store(T *p, V v) { _mm_storeu_##S(p, v); }                                              \
    static inline V V##_load_n(const T *p, size_t n) {                                                             \
        T lanes[LANES] = {0};                                                                                      \
        memcpy(lanes, p, n * sizeof(T));                                                                           \
        return _mm_loadu_##S(lanes);                                                                               \
    }                                                                                                              \
    static inline void V##_store_n(T *p, V v, size_t n) {                                                          \
        T lanes[LANES];                                                                                            \
        _mm_storeu_##S(lanes, v);                                                                                  \
        memcpy(p, lanes, n * sizeof(T));                                                                           \
    }                                                                                                              \
    static inline V V##_set1(T x) { return _mm_set1_##S(x); }                                                      \
    static inline V V##_add(V a, V b) { return _mm_add_##S(a, b); }                                                \
    static inline V V##_sub(V a, V b) { return _mm_sub_##S(a, b); }                                                \
    static inline V V##_mul(V a, V b) { return _mm_mul_##S(a, b); }                                                \
    static inline V V##_div(V a, V b) { return _mm_div_##S(a, b); }                                                \
    static inline V V##_fma(V a, V b, V c) { return _mm_add_##S(_mm_mul_##S(a, b), c); }                           \
    static inline V V##_max(V a, V b) { return _mm_max_##S(a, b); }                                                \
    static inline V V##_min(V a, V b) { return _mm_min_##S(a, b); }                                                \
    static inline M V##_lt(V a, V b) { return _mm_cmplt_##S(a, b); }                                               \
    static inline M V##_eq(V a, V b) { return _mm_cmpeq_##S(a, b); }                                               \
    static inline M V##_isnan(V a) { return _mm_cmpunord_##S(a, a); }                                              \
    static inline M M##_and(M a, M b) { return _mm_and_##S(a, b); }                                                \
    static inline M M##_or(M a, M b) { return _mm_or_##S(a, b); }                                                  \
    static inline V V##_select(M m, V a, V b) { return _mm_or_##S(_mm_and_##S(m, a), _mm_andnot_##S(m, b)); }      \
    static inline V V##_abs(V v) { return _mm_andnot_##S(_mm_set1_##S((T)-0.0), v); }                              \
    static inline V V##_neg(V v) { return _mm_xor_##S(_mm_set1_##S((T)-0.0), v); }                                 \
    static inline V V##_copysign(V a, V s) { return V##_select(_mm_set1_##S((T)-0.0), s, a); }                     \
    /* Adding 2^MANTISSA leaves an integer in the low bits of the fraction. */                                     \
    static inline V V##_pow2i(V n) {                                                                               \
        V biased = _mm_add_##S(n, _mm_set1_##S((T)((1ull << MANTISSA) + BIAS)));                                   \
        return _mm_cast##INTEGER##_##S(_mm_slli_epi##LANES##x(_mm_cast##S##_##INTEGER(biased), MANTISSA));         \
    }                                                                                                              \
    static inline V V##_exponent(V v) {                                                                            \
        __m128i raw = _mm_srli_epi##LANES##x(_mm_cast##S##_##INTEGER(v), MANTISSA);                                \
        V magic = _mm_set1_##S((T)(1ull << MANTISSA));                                                             \
        V biased = _mm_or_##S(_mm_cast##INTEGER##_##S(raw), magic);                                                \
        return _mm_sub_##S(biased, _mm_set1_##S((T)((1ull << MANTISSA) + BIAS)));                                  \
    }                                                                                                              \
    static inline V V##_mantissa(V v) {                                                                            \
        V one = _mm_set1_##S(1), fraction = _mm_xor_##S(one, _mm_set1_##S((T)(2.0 - 0x1p-##MANTISSA)));            \
        return _mm_or_##S(_mm_and_##S(v, fraction), one);                                                          \
    }

/* Shifts are named by element width, the words above by lane count. */
#define _mm_slli_epi4x _mm_slli_epi32
#define _mm_srli_epi4x _mm_srli_epi32
#define _mm_slli_epi2x _mm_slli_epi64
#define _mm_srli_epi2x _mm_srli_epi64
FC_SSE2_WORDS(vf32, mf32, float, ps, si128, 4, 23, 127)
FC_SSE2_WORDS(vf64, mf64, double, pd, si128, 2, 52, 1023)
#undef FC_SSE2_WORDS
#undef _mm_slli_epi4x
#undef _mm_srli_epi4x
#undef _mm_slli_epi2x
#undef _mm_srli_epi2x

static inline float vf32_sum(vf32 v) {
    v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps(v, v, 1)));
}
static inline float vf32_hmax(vf32 v) {
    v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_max_ss(v, _mm_shuffle_ps(v, v, 1)));
}
static inline double vf64_sum(vf64 v) { return _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v))); }
static inline double vf64_hmax(vf64 v) { return _mm_cvtsd_f64(_mm_max_sd(v, _mm_unpackhi_pd(v, v))); }

static inline vf32 vf32_even(vf32 a, vf32 b) { return _mm_shuffle_ps(a, b, 0x88); }
static inline vf32 vf32_zip_low(vf32 a, vf32 b) { return _mm_unpacklo_ps(a, b); }
static inline vf32 vf32_zip_high(vf32 a, vf32 b) { return _mm_unpackhi_ps(a, b); }
static inline vf64 vf64_even(vf64 a, vf64 b) { return _mm_unpacklo_pd(a, b); }
static inline vf64 vf64_zip_low(vf64 a, vf64 b) { return _mm_unpacklo_pd(a, b); }
static inline vf64 vf64_zip_high(vf64 a, vf64 b) { return _mm_unpackhi_pd(a, b); }

static inline vf32 vf32_load_f16(const uint16_t *p) {
    return _mm_setr_ps(half_from_f16(p[0]), half_from_f16(p[1]), half_from_f16(p[2]), half_from_f16(p[3]));
}
static inline void vf32_store_f16(uint16_t *p, vf32 v) {
    float lanes[4];
    _mm_storeu_ps(lanes, v);
    for (int i = 0; i < 4; i++)
        p[i] = half_to_f16(lanes[i]);
}
static inline vf32 vf32_load_bf16(const uint16_t *p) {
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)p)));
}
static inline void vf32_store_bf16(uint16_t *p, vf32 v) {
    float lanes[4];
    _mm_storeu_ps(lanes, v);
    for (int i = 0; i < 4; i++)
        p[i] = half_to_bf16(lanes[i]);
}

#endif
