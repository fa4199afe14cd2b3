/* SPDX-License-Identifier: MIT */
/* AArch64 Advanced SIMD: 4 float or 2 double lanes, 32 registers, FMA. */
#ifndef FC_VEC_NEON_H
#define FC_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>

#include "kernels/vec/half.h"
#include "kernels/vec/transpose_quarters.h"

#define VEC_REGISTERS 32
#define GEMM_F32_SHAPES(X) X(8, 3) X(8, 2) X(6, 4) X(14, 1)
#define GEMM_F64_SHAPES(X) X(8, 3) X(8, 2) X(6, 4) X(14, 1)
#define WGRAD_GEMM_SHAPES(X) \
    X(8, 3)                  \
    X(7, 3) X(6, 3) X(4, 3) X(2, 3) X(1, 3) X(12, 2) X(8, 2) X(4, 2) X(16, 1) X(8, 1) X(6, 1) X(5, 1) X(3, 1) X(1, 1)
#define PLANES_F32_SHAPES(X) \
    X(8, 3)                  \
    X(8, 2)                  \
    X(8, 1) X(6, 4) X(6, 2) X(6, 1) X(14, 1) X(4, 4) X(4, 2) X(4, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define PLANES_F64_SHAPES(X) \
    X(8, 3)                  \
    X(8, 2)                  \
    X(8, 1) X(6, 4) X(6, 2) X(6, 1) X(14, 1) X(4, 4) X(4, 2) X(4, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define IGEMM_F32_SHAPES(X) \
    X(8, 3) X(4, 3) X(2, 3) X(1, 3) X(8, 2) X(4, 2) X(2, 2) X(1, 2) X(8, 1) X(4, 1) X(2, 1) X(1, 1)
#define IGEMM_F64_SHAPES(X) \
    X(8, 3) X(4, 3) X(2, 3) X(1, 3) X(8, 2) X(4, 2) X(2, 2) X(1, 2) X(8, 1) X(4, 1) X(2, 1) X(1, 1)

typedef float32x4_t vf32;
typedef float64x2_t vf64;
typedef uint32x4_t mf32;
typedef uint64x2_t mf64;
enum { VF32_LANES = 4, VF64_LANES = 2, IGEMM_UNROLLED = 4 };

#define FC_NEON_WORDS(V, M, T, F, U, LANES, MANTISSA, BIAS)                                                          \
    static inline V V##_load(const T *p) { return vld1q_##F(p); }                                                    \
    static inline void V##_store(T *p, V v) { vst1q_##F(p, v); }                                                     \
    static inline V V##_load_n(const T *p, size_t n) {                                                               \
        T lanes[LANES] = {0};                                                                                        \
        memcpy(lanes, p, n * sizeof(T));                                                                             \
        return vld1q_##F(lanes);                                                                                     \
    }                                                                                                                \
    static inline void V##_store_n(T *p, V v, size_t n) {                                                            \
        T lanes[LANES];                                                                                              \
        vst1q_##F(lanes, v);                                                                                         \
        memcpy(p, lanes, n * sizeof(T));                                                                             \
    }                                                                                                                \
    static inline V V##_set1(T x) { return vdupq_n_##F(x); }                                                         \
    static inline V V##_add(V a, V b) { return vaddq_##F(a, b); }                                                    \
    static inline V V##_sub(V a, V b) { return vsubq_##F(a, b); }                                                    \
    static inline V V##_mul(V a, V b) { return vmulq_##F(a, b); }                                                    \
    static inline V V##_div(V a, V b) { return vdivq_##F(a, b); }                                                    \
    static inline V V##_fma(V a, V b, V c) { return vfmaq_##F(c, a, b); }                                            \
    static inline V V##_fnma(V a, V b, V c) { return vfmsq_##F(c, a, b); }                                           \
    static inline M V##_lt(V a, V b) { return vcltq_##F(a, b); }                                                     \
    static inline M V##_eq(V a, V b) { return vceqq_##F(a, b); }                                                     \
    static inline M M##_and(M a, M b) { return vandq_##U(a, b); }                                                    \
    static inline M M##_or(M a, M b) { return vorrq_##U(a, b); }                                                     \
    static inline V V##_select(M m, V a, V b) { return vbslq_##F(m, a, b); }                                         \
    /* NEON's own maximum returns NaN where unordered; the word returns the second operand. */                       \
    static inline V V##_max(V a, V b) { return vbslq_##F(vcgtq_##F(a, b), a, b); }                                   \
    static inline V V##_min(V a, V b) { return vbslq_##F(vcltq_##F(a, b), a, b); }                                   \
    static inline M V##_isnan(V a) { return veorq_##U(vceqq_##F(a, a), vceqq_##U(vdupq_n_##U(0), vdupq_n_##U(0))); } \
    static inline V V##_abs(V v) { return vabsq_##F(v); }                                                            \
    static inline V V##_neg(V v) { return vnegq_##F(v); }                                                            \
    static inline V V##_copysign(V a, V s) {                                                                         \
        return vbslq_##F(vreinterpretq_##U##_##F(vdupq_n_##F((T) - 0.0)), s, a);                                     \
    }                                                                                                                \
    /* Adding 2^MANTISSA leaves an integer in the low bits of the fraction. */                                       \
    static inline V V##_pow2i(V n) {                                                                                 \
        V biased = vaddq_##F(n, vdupq_n_##F((T)((1ull << MANTISSA) + BIAS)));                                        \
        return vreinterpretq_##F##_##U(vshlq_n_##U(vreinterpretq_##U##_##F(biased), MANTISSA));                      \
    }                                                                                                                \
    static inline V V##_exponent(V v) {                                                                              \
        V raw = vcvtq_##F##_##U(vshrq_n_##U(vreinterpretq_##U##_##F(v), MANTISSA));                                  \
        return vsubq_##F(raw, vdupq_n_##F(BIAS));                                                                    \
    }                                                                                                                \
    static inline V V##_mantissa(V v) {                                                                              \
        M fraction = vdupq_n_##U((1ull << MANTISSA) - 1);                                                            \
        return vbslq_##F(fraction, v, vdupq_n_##F(1));                                                               \
    }

FC_NEON_WORDS(vf32, mf32, float, f32, u32, 4, 23, 127)
FC_NEON_WORDS(vf64, mf64, double, f64, u64, 2, 52, 1023)
#undef FC_NEON_WORDS

static inline float vf32_sum(vf32 v) { return vaddvq_f32(v); }
static inline float vf32_hmax(vf32 v) { return vmaxvq_f32(v); }
static inline double vf64_sum(vf64 v) { return vaddvq_f64(v); }
static inline double vf64_hmax(vf64 v) { return vmaxvq_f64(v); }

static inline vf32 vf32_even(vf32 a, vf32 b) { return vuzp1q_f32(a, b); }
static inline vf32 vf32_halves(const float *p, const float *q) { return vcombine_f32(vld1_f32(p), vld1_f32(q)); }
static inline vf32 vf32_high(vf32 v) { return vextq_f32(v, v, 2); }
static inline vf32 vf32_odd(vf32 a, vf32 b) { return vuzp2q_f32(a, b); }
static inline vf32 vf32_zip_low(vf32 a, vf32 b) { return vzip1q_f32(a, b); }
static inline vf32 vf32_zip_high(vf32 a, vf32 b) { return vzip2q_f32(a, b); }
static inline vf64 vf64_even(vf64 a, vf64 b) { return vuzp1q_f64(a, b); }
static inline vf64 vf64_halves(const double *p, const double *q) { return vcombine_f64(vld1_f64(p), vld1_f64(q)); }
static inline vf64 vf64_high(vf64 v) { return vextq_f64(v, v, 1); }
static inline vf64 vf64_odd(vf64 a, vf64 b) { return vuzp2q_f64(a, b); }
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

static inline void transpose8_b8(uint8_t *dst, size_t pitch, const uint8_t *const *p, size_t k) {
    uint16x4x2_t pairs[4], fours[2][2];
    for (int i = 0; i < 4; i++) { /* rows 2i and 2i + 1: their even columns, then their odd ones */
        uint8x8x2_t mixed = vtrn_u8(vld1_u8(p[2 * i] + k), vld1_u8(p[2 * i + 1] + k));
        pairs[i].val[0] = vreinterpret_u16_u8(mixed.val[0]);
        pairs[i].val[1] = vreinterpret_u16_u8(mixed.val[1]);
    }
    for (int odd = 0; odd < 2; odd++) {
        for (int i = 0; i < 2; i++)
            fours[i][odd] = vtrn_u16(pairs[2 * i].val[odd], pairs[2 * i + 1].val[odd]);
        for (int half = 0; half < 2; half++) {
            uint32x2x2_t eight = vtrn_u32(
                vreinterpret_u32_u16(fours[0][odd].val[half]), vreinterpret_u32_u16(fours[1][odd].val[half]));
            vst1_u8(dst + (size_t)(odd + 2 * half) * pitch, vreinterpret_u8_u32(eight.val[0]));
            vst1_u8(dst + (size_t)(odd + 2 * half + 4) * pitch, vreinterpret_u8_u32(eight.val[1]));
        }
    }
}

static inline void transpose4_b32(
    uint32_t *dst, size_t pitch, const uint32_t *p0, const uint32_t *p1, const uint32_t *p2, const uint32_t *p3) {
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

#define IGEMM_B8_SHAPES(X) X(8, 2) X(4, 2) X(1, 2) X(8, 1) X(1, 1)

typedef int32x4_t vi32;
enum { VI32_LANES = 4 };
static inline vi32 vi32_load(const int32_t *p) { return vld1q_s32(p); }
static inline void vi32_store(int32_t *p, vi32 v) { vst1q_s32(p, v); }
static inline vi32 vi32_load_n(const int32_t *p, size_t n) {
    int32_t lanes[4] = {0};
    memcpy(lanes, p, n * sizeof *p);
    return vld1q_s32(lanes);
}
static inline void vi32_store_n(int32_t *p, vi32 v, size_t n) {
    int32_t lanes[4];
    vst1q_s32(lanes, v);
    memcpy(p, lanes, n * sizeof *p);
}
static inline vi32 vi32_set1(int32_t x) { return vdupq_n_s32(x); }
static inline vi32 vi32_add(vi32 a, vi32 b) { return vaddq_s32(a, b); }
static inline vi32 vi32_mul16(vi32 a, vi32 b) { return vmulq_s32(a, b); }
static inline vi32 vi32_shift_up(vi32 v, int by) {
    return by == 1 ? vextq_s32(vdupq_n_s32(0), v, 3) : vextq_s32(vdupq_n_s32(0), v, 2);
}
static inline vi32 vi32_load_u8(const uint8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}
static inline vi32 vi32_load_u16(const uint16_t *p) { return vreinterpretq_s32_u32(vmovl_u16(vld1_u16(p))); }
typedef uint16x8_t vi16;
static inline vi16 vi16_load_u8(const uint8_t *p) { return vmovl_u8(vld1_u8(p)); }
static inline vi16 vi16_low_halves(vi32 a, vi32 b) {
    return vuzp1q_u16(vreinterpretq_u16_s32(a), vreinterpretq_u16_s32(b));
}
static inline vi16 vi16_mulhi(vi16 a, vi16 b) {
    uint32x4_t low = vmull_u16(vget_low_u16(a), vget_low_u16(b)), high = vmull_u16(vget_high_u16(a), vget_high_u16(b));
    return vcombine_u16(vshrn_n_u32(low, 16), vshrn_n_u32(high, 16));
}
static inline void vi16_store_u8(uint8_t *p, vi16 v) { vst1_u8(p, vqmovn_u16(v)); }
static inline vf32 vf32_load_u8(const uint8_t *p) { return vcvtq_f32_s32(vi32_load_u8(p)); }
static inline vi32 vi32_load_i8(const int8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four))));
}
static inline vi32 vi32_max(vi32 a, vi32 b) { return vmaxq_s32(a, b); }
static inline vf32 vf32_of_i32(vi32 v) { return vcvtq_f32_s32(v); }
static inline vi32 vi32_nearest(vf32 v) { return vcvtnq_s32_f32(v); }
static inline void vi32_store_u8(uint8_t *p, vi32 v) {
    const uint16x4_t halves = vmovn_u32(vreinterpretq_u32_s32(v));
    const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(halves, halves))), 0);
    memcpy(p, &four, sizeof four);
}
/* Even and odd bytes as 16-bit numbers: one product fits 16 bits, and pairs are added in 32. */
static inline vi32 vi32_dot_u8s8(vi32 sum, vi32 a, vi32 b) {
    int16x8_t u = vreinterpretq_s16_s32(a), s = vreinterpretq_s16_s32(b);
    int16x8_t even = vmulq_s16(vandq_s16(u, vdupq_n_s16(0xff)), vshrq_n_s16(vshlq_n_s16(s, 8), 8));
    int16x8_t odd = vmulq_s16(vreinterpretq_s16_u16(vshrq_n_u16(vreinterpretq_u16_s16(u), 8)), vshrq_n_s16(s, 8));
    return vpadalq_s16(vpadalq_s16(sum, even), odd);
}

#define FC_BITS(v) vreinterpretq_u32_f32(v)
#define FC_LANES(u) vreinterpretq_f32_u32(u)
static inline vf32 vf32_bf16_low(vf32 v) { return FC_LANES(vshlq_n_u32(FC_BITS(v), 16)); }
static inline vf32 vf32_bf16_high(vf32 v) { return FC_LANES(vandq_u32(FC_BITS(v), vdupq_n_u32(0xffff0000u))); }
static inline vf32 vf32_bf16_join(vf32 low, vf32 high) {
    return FC_LANES(vsriq_n_u32(FC_BITS(high), FC_BITS(low), 16));
}
static inline vf32 vf32_bf16_round(vf32 v) {
    return vf32_bf16_high(FC_LANES(vaddq_u32(FC_BITS(v), vdupq_n_u32(0x8000))));
}
static inline vf32 vf32_most(vf32 top, vf32 v) { return FC_LANES(vmaxq_u32(FC_BITS(top), vshlq_n_u32(FC_BITS(v), 1))); }
static inline vf32 vf32_least(vf32 low, vf32 v) {
    return FC_LANES(vminq_u32(FC_BITS(low), vsubq_u32(vshlq_n_u32(FC_BITS(v), 1), vdupq_n_u32(1))));
}
#undef FC_BITS
#undef FC_LANES
static inline vf32 vf32_dot_bf16(vf32 sum, vf32 a, vf32 b) {
    return vf32_fma(vf32_bf16_high(a), vf32_bf16_high(b), vf32_fma(vf32_bf16_low(a), vf32_bf16_low(b), sum));
}

FC_TRANSPOSE_QUARTERS

static inline vf32 vf32_hold(vf32 v) {
    __asm__("" : "+w"(v));
    return v;
}
static inline vf64 vf64_hold(vf64 v) {
    __asm__("" : "+w"(v));
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
static inline void vf32_stream(float *p, vf32 v) { vf32_store(p, v); }
static inline void vf64_stream(double *p, vf64 v) { vf64_store(p, v); }
static inline void vec_stream_end(void) {}

#endif
