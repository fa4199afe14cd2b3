/* SPDX-License-Identifier: MIT */
/* AArch64 Advanced SIMD: 4 float or 2 double lanes, 32 registers, FMA. */
#ifndef FC_VEC_NEON_H
#define FC_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>

#include "kernels/vec/half.h"

#define VEC_REGISTERS 32
#define GEMM_F32_SHAPES(X) X(8, 3) X(8, 2) X(6, 4) X(14, 1)
#define GEMM_F64_SHAPES(X) X(8, 3) X(8, 2) X(6, 4) X(14, 1)

typedef float32x4_t vf32;
typedef float64x2_t vf64;
typedef uint32x4_t mf32;
typedef uint64x2_t mf64;
enum { VF32_LANES = 4, VF64_LANES = 2 };

#define FC_NEON_WORDS(V, M, T, F, U, LANES, MANTISSA, BIAS)                                                        \
    static inline V V##_load(const T *p) { return vld1q_##F(p); }                                                  \
    static inline void V##_store(T *p, V v) { vst1q_##F(p, v); }                                                   \
    static inline V V##_load_n(const T *p, size_t n) {                                                             \
        T lanes[LANES] = {0};                                                                                      \
        memcpy(lanes, p, n * sizeof(T));                                                                           \
        return vld1q_##F(lanes);                                                                                   \
    }                                                                                                              \
    static inline void V##_store_n(T *p, V v, size_t n) {                                                          \
        T lanes[LANES];                                                                                            \
        vst1q_##F(lanes, v);                                                                                       \
        memcpy(p, lanes, n * sizeof(T));                                                                           \
    }                                                                                                              \
    static inline V V##_set1(T x) { return vdupq_n_##F(x); }                                                       \
    static inline V V##_add(V a, V b) { return vaddq_##F(a, b); }                                                  \
    static inline V V##_sub(V a, V b) { return vsubq_##F(a, b); }                                                  \
    static inline V V##_mul(V a, V b) { return vmulq_##F(a, b); }                                                  \
    static inline V V##_div(V a, V b) { return vdivq_##F(a, b); }                                                  \
    static inline V V##_fma(V a, V b, V c) { return vfmaq_##F(c, a, b); }                                          \
    static inline M V##_lt(V a, V b) { return vcltq_##F(a, b); }                                                   \
    static inline M V##_eq(V a, V b) { return vceqq_##F(a, b); }                                                   \
    static inline M M##_and(M a, M b) { return vandq_##U(a, b); }                                                  \
    static inline M M##_or(M a, M b) { return vorrq_##U(a, b); }                                                   \
    static inline V V##_select(M m, V a, V b) { return vbslq_##F(m, a, b); }                                       \
    /* NEON's own maximum returns NaN where unordered; the word returns the second operand. */                     \
    static inline V V##_max(V a, V b) { return vbslq_##F(vcgtq_##F(a, b), a, b); }                                 \
    static inline V V##_min(V a, V b) { return vbslq_##F(vcltq_##F(a, b), a, b); }                                 \
    static inline M V##_isnan(V a) { return veorq_##U(vceqq_##F(a, a), vceqq_##U(vdupq_n_##U(0), vdupq_n_##U(0))); }      \
    static inline V V##_abs(V v) { return vabsq_##F(v); }                                                          \
    static inline V V##_neg(V v) { return vnegq_##F(v); }                                                          \
    static inline V V##_copysign(V a, V s) {                                                                       \
        return vbslq_##F(vreinterpretq_##U##_##F(vdupq_n_##F((T)-0.0)), s, a);                                     \
    }                                                                                                              \
    /* Adding 2^MANTISSA leaves an integer in the low bits of the fraction. */                                     \
    static inline V V##_pow2i(V n) {                                                                               \
        V biased = vaddq_##F(n, vdupq_n_##F((T)((1ull << MANTISSA) + BIAS)));                                      \
        return vreinterpretq_##F##_##U(vshlq_n_##U(vreinterpretq_##U##_##F(biased), MANTISSA));                    \
    }                                                                                                              \
    static inline V V##_exponent(V v) {                                                                            \
        V raw = vcvtq_##F##_##U(vshrq_n_##U(vreinterpretq_##U##_##F(v), MANTISSA));                                \
        return vsubq_##F(raw, vdupq_n_##F(BIAS));                                                                  \
    }                                                                                                              \
    static inline V V##_mantissa(V v) {                                                                            \
        M fraction = vdupq_n_##U((1ull << MANTISSA) - 1);                                                          \
        return vbslq_##F(fraction, v, vdupq_n_##F(1));                                                             \
    }

FC_NEON_WORDS(vf32, mf32, float, f32, u32, 4, 23, 127)
FC_NEON_WORDS(vf64, mf64, double, f64, u64, 2, 52, 1023)
#undef FC_NEON_WORDS

static inline float vf32_sum(vf32 v) { return vaddvq_f32(v); }
static inline float vf32_hmax(vf32 v) { return vmaxvq_f32(v); }
static inline double vf64_sum(vf64 v) { return vaddvq_f64(v); }
static inline double vf64_hmax(vf64 v) { return vmaxvq_f64(v); }

static inline vf32 vf32_even(vf32 a, vf32 b) { return vuzp1q_f32(a, b); }
static inline vf32 vf32_zip_low(vf32 a, vf32 b) { return vzip1q_f32(a, b); }
static inline vf32 vf32_zip_high(vf32 a, vf32 b) { return vzip2q_f32(a, b); }
static inline vf64 vf64_even(vf64 a, vf64 b) { return vuzp1q_f64(a, b); }
static inline vf64 vf64_zip_low(vf64 a, vf64 b) { return vzip1q_f64(a, b); }
static inline vf64 vf64_zip_high(vf64 a, vf64 b) { return vzip2q_f64(a, b); }

static inline vf32 vf32_load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
static inline void vf32_store_f16(uint16_t *p, vf32 v) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
static inline vf32 vf32_load_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
static inline void vf32_store_bf16(uint16_t *p, vf32 v) {
    uint32x4_t u = vreinterpretq_u32_f32(v), odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vshrq_n_u32(vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7fff))), 16);
    uint32x4_t quiet = vorrq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(0x40));
    vst1_u16(p, vmovn_u32(vbslq_u32(vf32_isnan(v), quiet, rounded)));
}

static inline void transpose4_b32(uint32_t *dst, size_t pitch, const uint32_t *p0, const uint32_t *p1, const uint32_t *p2, const uint32_t *p3) {
    uint32x4x2_t ab = vtrnq_u32(vld1q_u32(p0), vld1q_u32(p1)), cd = vtrnq_u32(vld1q_u32(p2), vld1q_u32(p3));
    vst1q_u32(dst, vcombine_u32(vget_low_u32(ab.val[0]), vget_low_u32(cd.val[0])));
    vst1q_u32(dst + pitch, vcombine_u32(vget_low_u32(ab.val[1]), vget_low_u32(cd.val[1])));
    vst1q_u32(dst + 2 * pitch, vcombine_u32(vget_high_u32(ab.val[0]), vget_high_u32(cd.val[0])));
    vst1q_u32(dst + 3 * pitch, vcombine_u32(vget_high_u32(ab.val[1]), vget_high_u32(cd.val[1])));
}

static inline void transpose2_b64(uint64_t *dst, size_t pitch, const uint64_t *p0, const uint64_t *p1) {
    uint64x2_t a = vld1q_u64(p0), b = vld1q_u64(p1);
    vst1q_u64(dst, vtrn1q_u64(a, b));
    vst1q_u64(dst + pitch, vtrn2q_u64(a, b));
}

#endif
