/* SPDX-License-Identifier: MIT */
/* AVX2 with FMA and F16C: 8 float or 4 double lanes, 16 registers. */
#ifndef FC_VEC_AVX2_H
#define FC_VEC_AVX2_H

#include <immintrin.h>

#include "kernels/vec/avx_transpose.h"
#include "kernels/vec/half.h"
#include "kernels/vec/x86_transpose.h"

#define VEC_REGISTERS 16
#define GEMM_F32_SHAPES(X) X(6, 2) X(12, 1) X(4, 3)
#define GEMM_F64_SHAPES(X) X(6, 2) X(12, 1) X(4, 3)
#define WGRAD_GEMM_SHAPES(X) \
    X(6, 2) X(5, 2) X(4, 2) X(3, 2) X(2, 2) X(1, 2) X(4, 3) X(3, 3) X(8, 1) X(6, 1) X(5, 1) X(4, 1) X(2, 1) X(1, 1)
#define PLANES_F32_SHAPES(X) X(6, 2) X(6, 1) X(4, 3) X(4, 2) X(4, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define PLANES_F64_SHAPES(X) X(6, 2) X(6, 1) X(4, 3) X(4, 2) X(4, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define IGEMM_F32_SHAPES(X) X(6, 2) X(4, 2) X(2, 2) X(1, 2) X(6, 1) X(4, 1) X(2, 1) X(1, 1)
#define IGEMM_F64_SHAPES(X) X(6, 2) X(4, 2) X(2, 2) X(1, 2) X(6, 1) X(4, 1) X(2, 1) X(1, 1)

typedef __m256 vf32;
typedef __m256d vf64;
typedef __m256 mf32;
typedef __m256d mf64;
enum { VF32_LANES = 8, VF64_LANES = 4, IGEMM_UNROLLED = 1 };

static inline __m256i vf32_first(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline __m256i vf64_first(size_t n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)n), _mm256_setr_epi64x(0, 1, 2, 3));
}

#define FC_AVX2_WORDS(V, M, T, S, WIDTH, MANTISSA, BIAS)                                                         \
    static inline V V##_load(const T *p) { return _mm256_loadu_##S(p); }                                         \
    static inline void V##_store(T *p, V v) { _mm256_storeu_##S(p, v); }                                         \
    static inline V V##_load_n(const T *p, size_t n) { return _mm256_maskload_##S(p, V##_first(n)); }            \
    static inline void V##_store_n(T *p, V v, size_t n) { _mm256_maskstore_##S(p, V##_first(n), v); }            \
    static inline V V##_set1(T x) { return _mm256_set1_##S(x); }                                                 \
    static inline V V##_add(V a, V b) { return _mm256_add_##S(a, b); }                                           \
    static inline V V##_sub(V a, V b) { return _mm256_sub_##S(a, b); }                                           \
    static inline V V##_mul(V a, V b) { return _mm256_mul_##S(a, b); }                                           \
    static inline V V##_div(V a, V b) { return _mm256_div_##S(a, b); }                                           \
    static inline V V##_fma(V a, V b, V c) { return _mm256_fmadd_##S(a, b, c); }                                 \
    static inline V V##_fnma(V a, V b, V c) { return _mm256_fnmadd_##S(a, b, c); }                               \
    static inline V V##_max(V a, V b) { return _mm256_max_##S(a, b); }                                           \
    static inline V V##_min(V a, V b) { return _mm256_min_##S(a, b); }                                           \
    static inline M V##_lt(V a, V b) { return _mm256_cmp_##S(a, b, _CMP_LT_OQ); }                                \
    static inline M V##_eq(V a, V b) { return _mm256_cmp_##S(a, b, _CMP_EQ_OQ); }                                \
    static inline M V##_isnan(V a) { return _mm256_cmp_##S(a, a, _CMP_UNORD_Q); }                                \
    static inline M M##_and(M a, M b) { return _mm256_and_##S(a, b); }                                           \
    static inline M M##_or(M a, M b) { return _mm256_or_##S(a, b); }                                             \
    static inline V V##_select(M m, V a, V b) { return _mm256_blendv_##S(b, a, m); }                             \
    static inline V V##_abs(V v) { return _mm256_andnot_##S(_mm256_set1_##S((T) - 0.0), v); }                    \
    static inline V V##_neg(V v) { return _mm256_xor_##S(_mm256_set1_##S((T) - 0.0), v); }                       \
    static inline V V##_copysign(V a, V s) {                                                                     \
        V sign = _mm256_set1_##S((T) - 0.0);                                                                     \
        return _mm256_or_##S(_mm256_andnot_##S(sign, a), _mm256_and_##S(sign, s));                               \
    }                                                                                                            \
    /* Adding 2^MANTISSA leaves an integer in the low bits of the fraction. */                                   \
    static inline V V##_pow2i(V n) {                                                                             \
        V biased = _mm256_add_##S(n, _mm256_set1_##S((T)((1ull << MANTISSA) + BIAS)));                           \
        return _mm256_castsi256_##S(_mm256_slli_epi##WIDTH(_mm256_cast##S##_si256(biased), MANTISSA));           \
    }                                                                                                            \
    static inline V V##_exponent(V v) {                                                                          \
        V raw = _mm256_castsi256_##S(_mm256_srli_epi##WIDTH(_mm256_cast##S##_si256(v), MANTISSA));               \
        V biased = _mm256_or_##S(raw, _mm256_set1_##S((T)(1ull << MANTISSA)));                                   \
        return _mm256_sub_##S(biased, _mm256_set1_##S((T)((1ull << MANTISSA) + BIAS)));                          \
    }                                                                                                            \
    static inline V V##_mantissa(V v) {                                                                          \
        V one = _mm256_set1_##S(1), fraction = _mm256_xor_##S(one, _mm256_set1_##S((T)(2.0 - 0x1p-##MANTISSA))); \
        return _mm256_or_##S(_mm256_and_##S(v, fraction), one);                                                  \
    }

FC_AVX2_WORDS(vf32, mf32, float, ps, 32, 23, 127)
FC_AVX2_WORDS(vf64, mf64, double, pd, 64, 52, 1023)
#undef FC_AVX2_WORDS

static inline float vf32_sum(vf32 v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
static inline float vf32_hmax(vf32 v) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}
static inline double vf64_sum(vf64 v) {
    __m128d half = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}
static inline double vf64_hmax(vf64 v) {
    __m128d half = _mm_max_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_max_sd(half, _mm_unpackhi_pd(half, half)));
}

static inline vf32 vf32_even(vf32 a, vf32 b) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xd8));
}
static inline vf32 vf32_odd(vf32 a, vf32 b) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd)), 0xd8));
}
static inline vf32 vf32_halves(const float *p, const float *q) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(q), 1);
}
static inline vf32 vf32_high(vf32 v) { return _mm256_castps128_ps256(_mm256_extractf128_ps(v, 1)); }
static inline vf32 vf32_zip_low(vf32 a, vf32 b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
static inline vf32 vf32_zip_high(vf32 a, vf32 b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
static inline vf64 vf64_even(vf64 a, vf64 b) { return _mm256_permute4x64_pd(_mm256_unpacklo_pd(a, b), 0xd8); }
static inline vf64 vf64_odd(vf64 a, vf64 b) { return _mm256_permute4x64_pd(_mm256_unpackhi_pd(a, b), 0xd8); }
static inline vf64 vf64_halves(const double *p, const double *q) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd(q), 1);
}
static inline vf64 vf64_high(vf64 v) { return _mm256_castpd128_pd256(_mm256_extractf128_pd(v, 1)); }
static inline vf64 vf64_zip_low(vf64 a, vf64 b) {
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x20);
}
static inline vf64 vf64_zip_high(vf64 a, vf64 b) {
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x31);
}

static inline vf32 vf32_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static inline void vf32_store_f16(uint16_t *p, vf32 v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
static inline vf32 vf32_load_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
static inline void vf32_store_bf16(uint16_t *p, vf32 v) {
    __m256i u = _mm256_castps_si256(v), odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
    __m256i quiet = _mm256_or_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(0x40));
    rounded = _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(vf32_isnan(v)));
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(rounded, rounded), 0xd8);
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
}

#define IGEMM_B8_SHAPES(X) X(6, 2) X(3, 2) X(1, 2) X(8, 1) X(4, 1) X(1, 1)

typedef __m256i vi32;
enum { VI32_LANES = 8 };
static inline vi32 vi32_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline void vi32_store(int32_t *p, vi32 v) { _mm256_storeu_si256((__m256i *)p, v); }
static inline vi32 vi32_load_n(const int32_t *p, size_t n) { return _mm256_maskload_epi32(p, vf32_first(n)); }
static inline void vi32_store_n(int32_t *p, vi32 v, size_t n) { _mm256_maskstore_epi32(p, vf32_first(n), v); }
static inline vi32 vi32_set1(int32_t x) { return _mm256_set1_epi32(x); }
static inline vi32 vi32_add(vi32 a, vi32 b) { return _mm256_add_epi32(a, b); }
static inline vi32 vi32_mul16(vi32 a, vi32 b) {
    return _mm256_madd_epi16(a, _mm256_and_si256(b, _mm256_set1_epi32(0xffff)));
}
static inline vi32 vi32_shift_up(vi32 v, int by) {
    const __m256i from = _mm256_sub_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(by));
    return _mm256_andnot_si256(_mm256_srai_epi32(from, 31), _mm256_permutevar8x32_epi32(v, from));
}
static inline vi32 vi32_load_u8(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
static inline vi32 vi32_load_u16(const uint16_t *p) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
}
typedef __m256i vi16;
static inline vi16 vi16_load_u8(const uint8_t *p) { return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)); }
static inline vi16 vi16_low_halves(vi32 a, vi32 b) {
    const __m256i low = _mm256_set1_epi32(0xffff);
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(_mm256_and_si256(a, low), _mm256_and_si256(b, low)), 0xd8);
}
static inline vi16 vi16_mulhi(vi16 a, vi16 b) { return _mm256_mulhi_epu16(a, b); }
static inline void vi16_store_u8(uint8_t *p, vi16 v) {
    v = _mm256_min_epu16(v, _mm256_set1_epi16(UINT8_MAX));
    _mm_storeu_si128((__m128i *)p, _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}
static inline vf32 vf32_load_u8(const uint8_t *p) { return _mm256_cvtepi32_ps(vi32_load_u8(p)); }
static inline vi32 vi32_load_i8(const int8_t *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
static inline vi32 vi32_max(vi32 a, vi32 b) { return _mm256_max_epi32(a, b); }
static inline vf32 vf32_of_i32(vi32 v) { return _mm256_cvtepi32_ps(v); }
static inline vi32 vi32_nearest(vf32 v) { return _mm256_cvtps_epi32(v); }
static inline void vi32_store_u8(uint8_t *p, vi32 v) {
    const __m256i first = _mm256_set_epi32(0, 0, 0, 0x0c080400, 0, 0, 0, 0x0c080400),
                  low = _mm256_shuffle_epi8(v, first);
    _mm_storel_epi64((__m128i *)p, _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
}
/* Products of 16-bit numbers never saturate, unlike those of vpmaddubsw. */
#define VEC_WIDE_ROWS
/* Held, as adding up products before the sum takes more registers than there are. */
static inline vi32 vi32_dot_s16(vi32 sum, vi32 a, vi32 b) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
    __asm__("" : "+x"(sum));
    return sum;
}
static inline vi32 vi32_even_i8(vi32 v) { return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8); }
static inline vi32 vi32_odd_i8(vi32 v) { return _mm256_srai_epi16(v, 8); }
static inline vi32 vi32_even_u8(vi32 v) { return _mm256_and_si256(v, _mm256_set1_epi16(0xff)); }
static inline vi32 vi32_odd_u8(vi32 v) { return _mm256_srli_epi16(v, 8); }

#define FC_BITS(v) _mm256_castps_si256(v)
#define FC_LANES(i) _mm256_castsi256_ps(i)
static inline vf32 vf32_bf16_low(vf32 v) { return FC_LANES(_mm256_slli_epi32(FC_BITS(v), 16)); }
static inline vf32 vf32_bf16_high(vf32 v) {
    return FC_LANES(_mm256_and_si256(FC_BITS(v), _mm256_set1_epi32((int)0xffff0000)));
}
static inline vf32 vf32_bf16_join(vf32 low, vf32 high) {
    return FC_LANES(_mm256_blend_epi16(_mm256_srli_epi32(FC_BITS(low), 16), FC_BITS(high), 0xaa));
}
static inline vf32 vf32_bf16_round(vf32 v) {
    return vf32_bf16_high(FC_LANES(_mm256_add_epi32(FC_BITS(v), _mm256_set1_epi32(0x8000))));
}
static inline vf32 vf32_most(vf32 top, vf32 v) {
    return FC_LANES(_mm256_max_epu32(FC_BITS(top), _mm256_slli_epi32(FC_BITS(v), 1)));
}
static inline vf32 vf32_least(vf32 low, vf32 v) {
    return FC_LANES(
        _mm256_min_epu32(FC_BITS(low), _mm256_sub_epi32(_mm256_slli_epi32(FC_BITS(v), 1), _mm256_set1_epi32(1))));
}
#undef FC_BITS
#undef FC_LANES
static inline vf32 vf32_dot_bf16(vf32 sum, vf32 a, vf32 b) {
    return vf32_fma(vf32_bf16_high(a), vf32_bf16_high(b), vf32_fma(vf32_bf16_low(a), vf32_bf16_low(b), sum));
}

static inline vf32 vf32_hold(vf32 v) {
    __asm__("" : "+x"(v));
    return v;
}
static inline vf64 vf64_hold(vf64 v) {
    __asm__("" : "+x"(v));
    return v;
}
static inline float *vf32_opaque(float *p) {
    __asm__("" : "+r"(p) : : "memory");
    return p;
}
static inline double *vf64_opaque(double *p) {
    __asm__("" : "+r"(p) : : "memory");
    return p;
}
static inline void vf32_stream(float *p, vf32 v) { _mm256_stream_ps(p, v); }
static inline void vf64_stream(double *p, vf64 v) { _mm256_stream_pd(p, v); }
static inline void vec_stream_end(void) { _mm_sfence(); }

#endif
