/* SPDX-License-Identifier: MIT */
/* AVX-512 F, BW, DQ, VL: 16 float or 8 double lanes, 32 registers, mask registers. */
#ifndef FC_VEC_AVX512_H
#define FC_VEC_AVX512_H

#include <immintrin.h>

#include "kernels/vec/avx_transpose.h"
#include "kernels/vec/half.h"
#include "kernels/vec/x86_transpose.h"

#define VEC_REGISTERS 32
#define VEC_SCALES 1
#define GEMM_F32_SHAPES(X) X(14, 2) X(14, 1) X(6, 4) X(6, 2)
#define GEMM_F64_SHAPES(X) X(14, 2) X(14, 1) X(6, 4) X(6, 2)
#define WGRAD_GEMM_SHAPES(X) \
    X(14, 2)                 \
    X(13, 2)                 \
    X(12, 2) X(11, 2) X(8, 2) X(5, 2) X(3, 2) X(1, 2) X(8, 3) X(16, 1) X(12, 1) X(8, 1) X(6, 1) X(5, 1) X(3, 1) X(1, 1)
#define PLANES_F32_SHAPES(X) \
    X(8, 3)                  \
    X(8, 2)                  \
    X(8, 1)                  \
    X(14, 2) X(14, 1) X(6, 4) X(6, 2) X(6, 1) X(4, 4) X(4, 2) X(4, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define PLANES_F64_SHAPES(X) \
    X(8, 3)                  \
    X(8, 2)                  \
    X(8, 1)                  \
    X(14, 2) X(14, 1) X(6, 4) X(6, 2) X(6, 1) X(4, 4) X(4, 2) X(4, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define IGEMM_F32_SHAPES(X) \
    X(14, 2) X(10, 2) X(8, 2) X(7, 2) X(4, 2) X(2, 2) X(1, 2) X(14, 1) X(10, 1) X(8, 1) X(7, 1) X(4, 1) X(2, 1) X(1, 1)
#define IGEMM_F64_SHAPES(X) \
    X(14, 2) X(10, 2) X(8, 2) X(7, 2) X(4, 2) X(2, 2) X(1, 2) X(14, 1) X(10, 1) X(8, 1) X(7, 1) X(4, 1) X(2, 1) X(1, 1)

typedef __m512 vf32;
typedef __m512d vf64;
typedef __mmask16 mf32;
typedef __mmask8 mf64;
enum { VF32_LANES = 16, VF64_LANES = 8, IGEMM_UNROLLED = 4 };

#define FC_AVX512_WORDS(V, M, T, S, WIDTH, MANTISSA, BIAS)                                                    \
    static inline M V##_first(size_t n) { return (M)((1u << n) - 1); }                                        \
    static inline V V##_load(const T *p) { return _mm512_loadu_##S(p); }                                      \
    static inline void V##_store(T *p, V v) { _mm512_storeu_##S(p, v); }                                      \
    static inline V V##_load_n(const T *p, size_t n) { return _mm512_maskz_loadu_##S(V##_first(n), p); }      \
    static inline void V##_store_n(T *p, V v, size_t n) { _mm512_mask_storeu_##S(p, V##_first(n), v); }       \
    static inline V V##_set1(T x) { return _mm512_set1_##S(x); }                                              \
    static inline V V##_add(V a, V b) { return _mm512_add_##S(a, b); }                                        \
    static inline V V##_sub(V a, V b) { return _mm512_sub_##S(a, b); }                                        \
    static inline V V##_mul(V a, V b) { return _mm512_mul_##S(a, b); }                                        \
    static inline V V##_div(V a, V b) { return _mm512_div_##S(a, b); }                                        \
    static inline V V##_fma(V a, V b, V c) { return _mm512_fmadd_##S(a, b, c); }                              \
    static inline V V##_fnma(V a, V b, V c) { return _mm512_fnmadd_##S(a, b, c); }                            \
    static inline V V##_max(V a, V b) { return _mm512_max_##S(a, b); }                                        \
    static inline V V##_min(V a, V b) { return _mm512_min_##S(a, b); }                                        \
    static inline M V##_lt(V a, V b) { return _mm512_cmp_##S##_mask(a, b, _CMP_LT_OQ); }                      \
    static inline M V##_eq(V a, V b) { return _mm512_cmp_##S##_mask(a, b, _CMP_EQ_OQ); }                      \
    static inline M V##_isnan(V a) { return _mm512_cmp_##S##_mask(a, a, _CMP_UNORD_Q); }                      \
    static inline M M##_and(M a, M b) { return (M)(a & b); }                                                  \
    static inline M M##_or(M a, M b) { return (M)(a | b); }                                                   \
    static inline V V##_select(M m, V a, V b) { return _mm512_mask_blend_##S(m, b, a); }                      \
    static inline V V##_abs(V v) { return _mm512_andnot_##S(_mm512_set1_##S((T) - 0.0), v); }                 \
    static inline V V##_neg(V v) { return _mm512_xor_##S(_mm512_set1_##S((T) - 0.0), v); }                    \
    static inline V V##_copysign(V a, V s) {                                                                  \
        V sign = _mm512_set1_##S((T) - 0.0);                                                                  \
        return _mm512_or_##S(_mm512_andnot_##S(sign, a), _mm512_and_##S(sign, s));                            \
    }                                                                                                         \
    /* Adding 2^MANTISSA leaves an integer in the low bits of the fraction. */                                \
    static inline V V##_pow2i(V n) {                                                                          \
        V biased = _mm512_add_##S(n, _mm512_set1_##S((T)((1ull << MANTISSA) + BIAS)));                        \
        return _mm512_castsi512_##S(_mm512_slli_epi##WIDTH(_mm512_cast##S##_si512(biased), MANTISSA));        \
    }                                                                                                         \
    static inline V V##_scale(V v, V n) { return _mm512_scalef_##S(v, n); }                                   \
    static inline V V##_exponent(V v) { return _mm512_getexp_##S(v); }                                        \
    static inline V V##_mantissa(V v) { return _mm512_getmant_##S(v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src); } \
    static inline T V##_sum(V v) { return _mm512_reduce_add_##S(v); }                                         \
    static inline T V##_hmax(V v) { return _mm512_reduce_max_##S(v); }

FC_AVX512_WORDS(vf32, mf32, float, ps, 32, 23, 127)
FC_AVX512_WORDS(vf64, mf64, double, pd, 64, 52, 1023)
#undef FC_AVX512_WORDS

/* Lane numbers of the 32 or 16 lanes of a and b. */
static inline vf32 vf32_even(vf32 a, vf32 b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
}
static inline vf32 vf32_odd(vf32 a, vf32 b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b);
}
static inline vf32 vf32_halves(const float *p, const float *q) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(p)), _mm256_loadu_ps(q), 1);
}
static inline vf32 vf32_high(vf32 v) { return _mm512_castps256_ps512(_mm512_extractf32x8_ps(v, 1)); }
static inline vf32 vf32_zip_low(vf32 a, vf32 b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b);
}
static inline vf32 vf32_zip_high(vf32 a, vf32 b) {
    return _mm512_permutex2var_ps(
        a, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b);
}
#define VEC_PICKS 1
static inline vf32 vf32_pick(vf32 a, vf32 b, vf32 lanes) {
    const vf32 numbers = _mm512_add_ps(lanes, _mm512_set1_ps(0x1p23f)); /* in the low bits, the only ones that count */
    return _mm512_permutex2var_ps(a, _mm512_castps_si512(numbers), b);
}
static inline vf64 vf64_pick(vf64 a, vf64 b, vf64 lanes) {
    const vf64 numbers = _mm512_add_pd(lanes, _mm512_set1_pd(0x1p52));
    return _mm512_permutex2var_pd(a, _mm512_castpd_si512(numbers), b);
}
static inline vf64 vf64_even(vf64 a, vf64 b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b);
}
static inline vf64 vf64_odd(vf64 a, vf64 b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b);
}
static inline vf64 vf64_halves(const double *p, const double *q) {
    return _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(p)), _mm256_loadu_pd(q), 1);
}
static inline vf64 vf64_high(vf64 v) { return _mm512_castpd256_pd512(_mm512_extractf64x4_pd(v, 1)); }
static inline vf64 vf64_zip_low(vf64 a, vf64 b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b);
}
static inline vf64 vf64_zip_high(vf64 a, vf64 b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b);
}

static inline vf32 vf32_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline void vf32_store_f16(uint16_t *p, vf32 v) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
static inline vf32 vf32_load_bf16(const uint16_t *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
static inline void vf32_store_bf16(uint16_t *p, vf32 v) {
    __m512i u = _mm512_castps_si512(v), odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
    __m512i quiet = _mm512_or_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(0x40));
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, vf32_isnan(v), quiet)));
}

typedef __m512i vi32;
enum { VI32_LANES = 16 };
static inline vi32 vi32_load(const int32_t *p) { return _mm512_loadu_si512(p); }
static inline void vi32_store(int32_t *p, vi32 v) { _mm512_storeu_si512(p, v); }
static inline vi32 vi32_load_n(const int32_t *p, size_t n) { return _mm512_maskz_loadu_epi32(vf32_first(n), p); }
static inline void vi32_store_n(int32_t *p, vi32 v, size_t n) { _mm512_mask_storeu_epi32(p, vf32_first(n), v); }
static inline vi32 vi32_set1(int32_t x) { return _mm512_set1_epi32(x); }
static inline vi32 vi32_add(vi32 a, vi32 b) { return _mm512_add_epi32(a, b); }
static inline vi32 vi32_mul16(vi32 a, vi32 b) {
    return _mm512_madd_epi16(a, _mm512_and_si512(b, _mm512_set1_epi32(0xffff)));
}
static inline vi32 vi32_shift_up(vi32 v, int by) {
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_maskz_permutexvar_epi32((__mmask16)(0xffff << by), _mm512_sub_epi32(lane, _mm512_set1_epi32(by)), v);
}
static inline vi32 vi32_load_u8(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
static inline vi32 vi32_load_u16(const uint16_t *p) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
}
typedef __m512i vi16;
static inline vi16 vi16_load_u8(const uint8_t *p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p));
}
static inline vi16 vi16_low_halves(vi32 a, vi32 b) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(a)), _mm512_cvtepi32_epi16(b), 1);
}
static inline vi16 vi16_mulhi(vi16 a, vi16 b) { return _mm512_mulhi_epu16(a, b); }
static inline void vi16_store_u8(uint8_t *p, vi16 v) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtusepi16_epi8(v)); }
static inline vf32 vf32_load_u8(const uint8_t *p) { return _mm512_cvtepi32_ps(vi32_load_u8(p)); }
static inline vi32 vi32_load_i8(const int8_t *p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)); }
static inline vi32 vi32_max(vi32 a, vi32 b) { return _mm512_max_epi32(a, b); }
static inline vf32 vf32_of_i32(vi32 v) { return _mm512_cvtepi32_ps(v); }
static inline vi32 vi32_nearest(vf32 v) { return _mm512_cvtps_epi32(v); }
static inline void vi32_store_u8(uint8_t *p, vi32 v) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(v)); }
#ifdef __AVX512VNNI__
#define IGEMM_B8_SHAPES(X) X(14, 2) X(10, 2) X(7, 2) X(4, 2) X(2, 2) X(1, 2) X(14, 1) X(7, 1) X(4, 1) X(1, 1)
static inline vi32 vi32_dot_u8s8(vi32 sum, vi32 a, vi32 b) { return _mm512_dpbusd_epi32(sum, a, b); }
#else
#define IGEMM_B8_SHAPES(X) X(13, 2) X(7, 2) X(4, 2) X(2, 2) X(1, 2) X(14, 1) X(7, 1) X(4, 1) X(1, 1)
/* Products of 16-bit numbers never saturate, unlike those of vpmaddubsw. */
#define VEC_WIDE_ROWS
/* Held, as adding up products before the sum takes more registers than there are. */
static inline vi32 vi32_dot_s16(vi32 sum, vi32 a, vi32 b) {
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
    __asm__("" : "+v"(sum));
    return sum;
}
static inline vi32 vi32_even_i8(vi32 v) { return _mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8); }
static inline vi32 vi32_odd_i8(vi32 v) { return _mm512_srai_epi16(v, 8); }
static inline vi32 vi32_even_u8(vi32 v) { return _mm512_and_si512(v, _mm512_set1_epi16(0xff)); }
static inline vi32 vi32_odd_u8(vi32 v) { return _mm512_srli_epi16(v, 8); }
#endif

#define FC_BITS(v) _mm512_castps_si512(v)
#define FC_LANES(i) _mm512_castsi512_ps(i)
static inline vf32 vf32_bf16_low(vf32 v) { return FC_LANES(_mm512_slli_epi32(FC_BITS(v), 16)); }
static inline vf32 vf32_bf16_high(vf32 v) {
    return FC_LANES(_mm512_and_si512(FC_BITS(v), _mm512_set1_epi32((int)0xffff0000)));
}
static inline vf32 vf32_bf16_join(vf32 low, vf32 high) {
    return FC_LANES(_mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(FC_BITS(low), 16), FC_BITS(high)));
}
static inline vf32 vf32_bf16_round(vf32 v) {
    return vf32_bf16_high(FC_LANES(_mm512_add_epi32(FC_BITS(v), _mm512_set1_epi32(0x8000))));
}
static inline vf32 vf32_most(vf32 top, vf32 v) {
    return FC_LANES(_mm512_max_epu32(FC_BITS(top), _mm512_slli_epi32(FC_BITS(v), 1)));
}
static inline vf32 vf32_least(vf32 low, vf32 v) {
    return FC_LANES(
        _mm512_min_epu32(FC_BITS(low), _mm512_sub_epi32(_mm512_slli_epi32(FC_BITS(v), 1), _mm512_set1_epi32(1))));
}
/* What the two lowest bits of the exponent and the three highest of the fraction say: an eighth of an octave. */
#define vf32_TABLES 1
static inline vf32 vf32_lookup(const float *table, vf32 v) {
    return _mm512_permutex2var_ps(vf32_load(table), _mm512_srli_epi32(FC_BITS(v), 20), vf32_load(table + 16));
}
static inline vf32 vf32_eighths(vf32 v) {
    return FC_LANES(_mm512_and_si512(FC_BITS(v), _mm512_set1_epi32((int)0xfff00000)));
}
#undef FC_BITS
#undef FC_LANES

static inline vf32 vf32_hold(vf32 v) {
    __asm__("" : "+v"(v));
    return v;
}
#if defined(__AVX512BF16__)
#define VEC_DOTS_BF16 1
#if defined(__clang__) && __clang_major__ == 16 /* it ends with a fault where a broadcast becomes bfloat16 */
#define FC_DOT_OPERAND(v) vf32_hold(v)
#else
#define FC_DOT_OPERAND(v) (v)
#endif
static inline vf32 vf32_dot_bf16(vf32 sum, vf32 a, vf32 b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)FC_DOT_OPERAND(a), (__m512bh)b);
}
#undef FC_DOT_OPERAND
#else
static inline vf32 vf32_dot_bf16(vf32 sum, vf32 a, vf32 b) {
    return vf32_fma(vf32_bf16_high(a), vf32_bf16_high(b), vf32_fma(vf32_bf16_low(a), vf32_bf16_low(b), sum));
}
#endif
static inline vf64 vf64_hold(vf64 v) {
    __asm__("" : "+v"(v));
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
static inline void vf32_stream(float *p, vf32 v) { _mm512_stream_ps(p, v); }
static inline void vf64_stream(double *p, vf64 v) { _mm512_stream_pd(p, v); }
static inline void vec_stream_end(void) { _mm_sfence(); }

#endif
