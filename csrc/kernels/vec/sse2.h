/* SPDX-License-Identifier: MIT */
/* The floor of x86-64: 4 float or 2 double lanes, 16 registers, no FMA, no masks. */
#ifndef FC_VEC_SSE2_H
#define FC_VEC_SSE2_H

#include <emmintrin.h>

#include "kernels/vec/half.h"
#include "kernels/vec/transpose_quarters.h"
#include "kernels/vec/x86_transpose.h"

#define VEC_REGISTERS 16
#define GEMM_F32_SHAPES(X) X(6, 2) X(12, 1)
#define GEMM_F64_SHAPES(X) X(6, 2) X(12, 1)
#define WGRAD_GEMM_SHAPES(X) \
    X(6, 2) X(5, 2) X(4, 2) X(3, 2) X(2, 2) X(1, 2) X(8, 1) X(6, 1) X(5, 1) X(4, 1) X(2, 1) X(1, 1)
#define PLANES_F32_SHAPES(X) X(6, 2) X(6, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define PLANES_F64_SHAPES(X) X(6, 2) X(6, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define IGEMM_F32_SHAPES(X) X(6, 2) X(4, 2) X(2, 2) X(1, 2) X(6, 1) X(4, 1) X(2, 1) X(1, 1)
#define IGEMM_F64_SHAPES(X) X(6, 2) X(4, 2) X(2, 2) X(1, 2) X(6, 1) X(4, 1) X(2, 1) X(1, 1)

typedef __m128 vf32;
typedef __m128d vf64;
typedef __m128 mf32;
typedef __m128d mf64;
enum { VF32_LANES = 4, VF64_LANES = 2, IGEMM_UNROLLED = 1 };

#define FC_SSE2_WORDS(V, M, T, S, INTEGER, LANES, MANTISSA, BIAS)                                             \
    static inline V V##_load(const T *p) { return _mm_loadu_##S(p); }                                         \
    static inline void V##_store(T *p, V v) { _mm_storeu_##S(p, v); }                                         \
    static inline V V##_load_n(const T *p, size_t n) {                                                        \
        T lanes[LANES] = {0};                                                                                 \
        memcpy(lanes, p, n * sizeof(T));                                                                      \
        return _mm_loadu_##S(lanes);                                                                          \
    }                                                                                                         \
    static inline void V##_store_n(T *p, V v, size_t n) {                                                     \
        T lanes[LANES];                                                                                       \
        _mm_storeu_##S(lanes, v);                                                                             \
        memcpy(p, lanes, n * sizeof(T));                                                                      \
    }                                                                                                         \
    static inline V V##_set1(T x) { return _mm_set1_##S(x); }                                                 \
    static inline V V##_add(V a, V b) { return _mm_add_##S(a, b); }                                           \
    static inline V V##_sub(V a, V b) { return _mm_sub_##S(a, b); }                                           \
    static inline V V##_mul(V a, V b) { return _mm_mul_##S(a, b); }                                           \
    static inline V V##_div(V a, V b) { return _mm_div_##S(a, b); }                                           \
    static inline V V##_fma(V a, V b, V c) { return _mm_add_##S(_mm_mul_##S(a, b), c); }                      \
    static inline V V##_fnma(V a, V b, V c) { return _mm_sub_##S(c, _mm_mul_##S(a, b)); }                     \
    static inline V V##_max(V a, V b) { return _mm_max_##S(a, b); }                                           \
    static inline V V##_min(V a, V b) { return _mm_min_##S(a, b); }                                           \
    static inline M V##_lt(V a, V b) { return _mm_cmplt_##S(a, b); }                                          \
    static inline M V##_eq(V a, V b) { return _mm_cmpeq_##S(a, b); }                                          \
    static inline M V##_isnan(V a) { return _mm_cmpunord_##S(a, a); }                                         \
    static inline M M##_and(M a, M b) { return _mm_and_##S(a, b); }                                           \
    static inline M M##_or(M a, M b) { return _mm_or_##S(a, b); }                                             \
    static inline V V##_select(M m, V a, V b) { return _mm_or_##S(_mm_and_##S(m, a), _mm_andnot_##S(m, b)); } \
    static inline V V##_abs(V v) { return _mm_andnot_##S(_mm_set1_##S((T) - 0.0), v); }                       \
    static inline V V##_neg(V v) { return _mm_xor_##S(_mm_set1_##S((T) - 0.0), v); }                          \
    static inline V V##_copysign(V a, V s) { return V##_select(_mm_set1_##S((T) - 0.0), s, a); }              \
    /* Adding 2^MANTISSA leaves an integer in the low bits of the fraction. */                                \
    static inline V V##_pow2i(V n) {                                                                          \
        V biased = _mm_add_##S(n, _mm_set1_##S((T)((1ull << MANTISSA) + BIAS)));                              \
        return _mm_cast##INTEGER##_##S(_mm_slli_epi##LANES##x(_mm_cast##S##_##INTEGER(biased), MANTISSA));    \
    }                                                                                                         \
    static inline V V##_exponent(V v) {                                                                       \
        __m128i raw = _mm_srli_epi##LANES##x(_mm_cast##S##_##INTEGER(v), MANTISSA);                           \
        V magic = _mm_set1_##S((T)(1ull << MANTISSA));                                                        \
        V biased = _mm_or_##S(_mm_cast##INTEGER##_##S(raw), magic);                                           \
        return _mm_sub_##S(biased, _mm_set1_##S((T)((1ull << MANTISSA) + BIAS)));                             \
    }                                                                                                         \
    static inline V V##_mantissa(V v) {                                                                       \
        V one = _mm_set1_##S(1), fraction = _mm_xor_##S(one, _mm_set1_##S((T)(2.0 - 0x1p-##MANTISSA)));       \
        return _mm_or_##S(_mm_and_##S(v, fraction), one);                                                     \
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
static inline __m128i fc_two_quads(const void *p, const void *q) {
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)p), _mm_loadl_epi64((const __m128i *)q));
}
static inline vf32 vf32_halves(const float *p, const float *q) { return _mm_castsi128_ps(fc_two_quads(p, q)); }
static inline vf32 vf32_high(vf32 v) { return _mm_movehl_ps(v, v); }
static inline vf32 vf32_odd(vf32 a, vf32 b) { return _mm_shuffle_ps(a, b, 0xdd); }
static inline vf32 vf32_zip_low(vf32 a, vf32 b) { return _mm_unpacklo_ps(a, b); }
static inline vf32 vf32_zip_high(vf32 a, vf32 b) { return _mm_unpackhi_ps(a, b); }
static inline vf64 vf64_even(vf64 a, vf64 b) { return _mm_unpacklo_pd(a, b); }
static inline vf64 vf64_halves(const double *p, const double *q) { return _mm_castsi128_pd(fc_two_quads(p, q)); }
static inline vf64 vf64_high(vf64 v) { return _mm_unpackhi_pd(v, v); }
static inline vf64 vf64_odd(vf64 a, vf64 b) { return _mm_unpackhi_pd(a, b); }
static inline vf64 vf64_zip_low(vf64 a, vf64 b) { return _mm_unpacklo_pd(a, b); }
static inline vf64 vf64_zip_high(vf64 a, vf64 b) { return _mm_unpackhi_pd(a, b); }

static inline vf32 vf32_load_f16(const uint16_t *p) {
    uint16_t h[4];
    memcpy(h, p, sizeof h);
    return _mm_setr_ps(half_from_f16(h[0]), half_from_f16(h[1]), half_from_f16(h[2]), half_from_f16(h[3]));
}
static inline void vf32_store_f16(uint16_t *p, vf32 v) {
    float lanes[4];
    uint16_t halves[4];
    _mm_storeu_ps(lanes, v);
    for (int i = 0; i < 4; i++)
        halves[i] = half_to_f16(lanes[i]);
    memcpy(p, halves, sizeof halves);
}
static inline vf32 vf32_load_bf16(const uint16_t *p) {
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)p)));
}
static inline void vf32_store_bf16(uint16_t *p, vf32 v) {
    float lanes[4];
    uint16_t halves[4];
    _mm_storeu_ps(lanes, v);
    for (int i = 0; i < 4; i++)
        halves[i] = half_to_bf16(lanes[i]);
    memcpy(p, halves, sizeof halves);
}

#define IGEMM_B8_SHAPES(X) X(6, 2) X(3, 2) X(1, 2) X(8, 1) X(4, 1) X(1, 1)

typedef __m128i vi32;
enum { VI32_LANES = 4 };
static inline vi32 vi32_load(const int32_t *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline void vi32_store(int32_t *p, vi32 v) { _mm_storeu_si128((__m128i *)p, v); }
static inline vi32 vi32_load_n(const int32_t *p, size_t n) {
    int32_t lanes[4] = {0};
    memcpy(lanes, p, n * sizeof *p);
    return vi32_load(lanes);
}
static inline void vi32_store_n(int32_t *p, vi32 v, size_t n) {
    int32_t lanes[4];
    vi32_store(lanes, v);
    memcpy(p, lanes, n * sizeof *p);
}
static inline vi32 vi32_set1(int32_t x) { return _mm_set1_epi32(x); }
static inline vi32 vi32_add(vi32 a, vi32 b) { return _mm_add_epi32(a, b); }
static inline vi32 vi32_mul16(vi32 a, vi32 b) { return _mm_madd_epi16(a, _mm_and_si128(b, _mm_set1_epi32(0xffff))); }
static inline vi32 vi32_shift_up(vi32 v, int by) { return by == 1 ? _mm_slli_si128(v, 4) : _mm_slli_si128(v, 8); }
static inline vi32 vi32_load_u8(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(four), _mm_setzero_si128()), _mm_setzero_si128());
}
static inline vi32 vi32_load_u16(const uint16_t *p) {
    return _mm_unpacklo_epi16(_mm_loadl_epi64((const __m128i *)p), _mm_setzero_si128());
}
typedef __m128i vi16;
static inline vi16 vi16_load_u8(const uint8_t *p) {
    return _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)p), _mm_setzero_si128());
}
static inline vi16 vi16_low_halves(vi32 a, vi32 b) {
    return _mm_packs_epi32(_mm_srai_epi32(_mm_slli_epi32(a, 16), 16), _mm_srai_epi32(_mm_slli_epi32(b, 16), 16));
}
static inline vi16 vi16_mulhi(vi16 a, vi16 b) { return _mm_mulhi_epu16(a, b); }
static inline void vi16_store_u8(uint8_t *p, vi16 v) {
    v = _mm_sub_epi16(v, _mm_subs_epu16(v, _mm_set1_epi16(UINT8_MAX)));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(v, v));
}
static inline vf32 vf32_load_u8(const uint8_t *p) { return _mm_cvtepi32_ps(vi32_load_u8(p)); }
static inline vi32 vi32_load_i8(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    __m128i twice = _mm_unpacklo_epi8(_mm_setzero_si128(), _mm_cvtsi32_si128(four));
    return _mm_srai_epi32(_mm_unpacklo_epi16(_mm_setzero_si128(), twice), 24);
}
static inline vi32 vi32_max(vi32 a, vi32 b) {
    vi32 m = _mm_cmpgt_epi32(a, b);
    return _mm_or_si128(_mm_and_si128(m, a), _mm_andnot_si128(m, b));
}
static inline vf32 vf32_of_i32(vi32 v) { return _mm_cvtepi32_ps(v); }
static inline vi32 vi32_nearest(vf32 v) { return _mm_cvtps_epi32(v); }
static inline void vi32_store_u8(uint8_t *p, vi32 v) {
    const __m128i low = _mm_and_si128(v, _mm_set1_epi32(0xff)), halves = _mm_packs_epi32(low, low);
    const int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(halves, halves));
    memcpy(p, &four, sizeof four);
}
#define VEC_WIDE_ROWS
/* Held, as adding up products before the sum takes more registers than there are. */
static inline vi32 vi32_dot_s16(vi32 sum, vi32 a, vi32 b) {
    sum = _mm_add_epi32(sum, _mm_madd_epi16(a, b));
    __asm__("" : "+x"(sum));
    return sum;
}
static inline vi32 vi32_even_i8(vi32 v) { return _mm_srai_epi16(_mm_slli_epi16(v, 8), 8); }
static inline vi32 vi32_odd_i8(vi32 v) { return _mm_srai_epi16(v, 8); }
static inline vi32 vi32_even_u8(vi32 v) { return _mm_and_si128(v, _mm_set1_epi16(0xff)); }
static inline vi32 vi32_odd_u8(vi32 v) { return _mm_srli_epi16(v, 8); }

#define FC_BITS(v) _mm_castps_si128(v)
#define FC_LANES(i) _mm_castsi128_ps(i)
static inline vf32 vf32_bf16_low(vf32 v) { return FC_LANES(_mm_slli_epi32(FC_BITS(v), 16)); }
static inline vf32 vf32_bf16_high(vf32 v) {
    return FC_LANES(_mm_and_si128(FC_BITS(v), _mm_set1_epi32((int)0xffff0000)));
}
static inline vf32 vf32_bf16_join(vf32 low, vf32 high) {
    return _mm_or_ps(FC_LANES(_mm_srli_epi32(FC_BITS(low), 16)), vf32_bf16_high(high));
}
static inline vf32 vf32_bf16_round(vf32 v) {
    return vf32_bf16_high(FC_LANES(_mm_add_epi32(FC_BITS(v), _mm_set1_epi32(0x8000))));
}
/* Whether a > b, lanes as unsigned integers: the sign bit turned round makes the signed comparison one. */
static inline __m128i above(__m128i a, __m128i b) {
    const __m128i sign = _mm_set1_epi32((int)0x80000000);
    return _mm_cmpgt_epi32(_mm_xor_si128(a, sign), _mm_xor_si128(b, sign));
}
static inline vf32 vf32_most(vf32 top, vf32 v) {
    __m128i u = _mm_slli_epi32(FC_BITS(v), 1);
    return vf32_select(FC_LANES(above(u, FC_BITS(top))), FC_LANES(u), top);
}
static inline vf32 vf32_least(vf32 low, vf32 v) {
    __m128i u = _mm_sub_epi32(_mm_slli_epi32(FC_BITS(v), 1), _mm_set1_epi32(1));
    return vf32_select(FC_LANES(above(FC_BITS(low), u)), FC_LANES(u), low);
}
#undef FC_BITS
#undef FC_LANES
static inline vf32 vf32_dot_bf16(vf32 sum, vf32 a, vf32 b) {
    return vf32_fma(vf32_bf16_high(a), vf32_bf16_high(b), vf32_fma(vf32_bf16_low(a), vf32_bf16_low(b), sum));
}

FC_TRANSPOSE_QUARTERS

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
static inline void vf32_stream(float *p, vf32 v) { _mm_stream_ps(p, v); }
static inline void vf64_stream(double *p, vf64 v) { _mm_stream_pd(p, v); }
static inline void vec_stream_end(void) { _mm_sfence(); }

#endif
