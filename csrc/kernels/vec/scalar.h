/* SPDX-License-Identifier: MIT */
/* One lane: the words on any machine, and the path every wider ISA is held against. */
#ifndef FC_VEC_SCALAR_H
#define FC_VEC_SCALAR_H

#include <math.h>
#include <stddef.h>

#include "kernels/vec/half.h"
#include "kernels/vec/transpose_quarters.h"

#define VEC_REGISTERS 16
#define GEMM_F32_SHAPES(X) X(4, 4) X(6, 2) X(4, 1)
#define GEMM_F64_SHAPES(X) X(4, 4) X(6, 2) X(4, 1)
#define WGRAD_GEMM_SHAPES(X) X(4, 4) X(2, 4) X(1, 4) X(4, 1) X(1, 1)
#define PLANES_F32_SHAPES(X) X(4, 4) X(4, 2) X(4, 1) X(6, 2) X(6, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define PLANES_F64_SHAPES(X) X(4, 4) X(4, 2) X(4, 1) X(6, 2) X(6, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 4) X(1, 2) X(1, 1)
#define IGEMM_F32_SHAPES(X) X(4, 4) X(2, 4) X(1, 4) X(4, 1) X(2, 1) X(1, 1)
#define IGEMM_F64_SHAPES(X) X(4, 4) X(2, 4) X(1, 4) X(4, 1) X(2, 1) X(1, 1)

enum { IGEMM_UNROLLED = 4 };

#define FC_SCALAR_WORDS(V, M, T, U, LANES, MANTISSA, BIAS)                                               \
    typedef T V;                                                                                         \
    typedef int M;                                                                                       \
    enum { LANES = 1 };                                                                                  \
    static inline V V##_load(const T *p) {                                                               \
        V v;                                                                                             \
        memcpy(&v, p, sizeof v);                                                                         \
        return v;                                                                                        \
    }                                                                                                    \
    static inline void V##_store(T *p, V v) { memcpy(p, &v, sizeof v); }                                 \
    static inline V V##_load_n(const T *p, size_t n) { return n ? V##_load(p) : 0; }                     \
    static inline void V##_store_n(T *p, V v, size_t n) {                                                \
        if (n)                                                                                           \
            V##_store(p, v);                                                                             \
    }                                                                                                    \
    static inline V V##_set1(T x) { return x; }                                                          \
    static inline V V##_add(V a, V b) { return a + b; }                                                  \
    static inline V V##_sub(V a, V b) { return a - b; }                                                  \
    static inline V V##_mul(V a, V b) { return a * b; }                                                  \
    static inline V V##_div(V a, V b) { return a / b; }                                                  \
    static inline V V##_fma(V a, V b, V c) { return a * b + c; }                                         \
    static inline V V##_fnma(V a, V b, V c) { return c - a * b; }                                        \
    static inline V V##_max(V a, V b) { return a > b ? a : b; }                                          \
    static inline V V##_min(V a, V b) { return a < b ? a : b; }                                          \
    static inline M V##_lt(V a, V b) { return a < b; }                                                   \
    static inline M V##_eq(V a, V b) { return a == b; }                                                  \
    static inline M V##_isnan(V a) { return a != a; }                                                    \
    static inline M M##_and(M a, M b) { return a & b; }                                                  \
    static inline M M##_or(M a, M b) { return a | b; }                                                   \
    static inline V V##_select(M m, V a, V b) { return m ? a : b; }                                      \
    static inline U V##_bits(V v) {                                                                      \
        U u;                                                                                             \
        memcpy(&u, &v, sizeof u);                                                                        \
        return u;                                                                                        \
    }                                                                                                    \
    static inline V V##_from_bits(U u) {                                                                 \
        V v;                                                                                             \
        memcpy(&v, &u, sizeof v);                                                                        \
        return v;                                                                                        \
    }                                                                                                    \
    static inline V V##_abs(V v) { return V##_from_bits(V##_bits(v) & ~((U)1 << (sizeof(U) * 8 - 1))); } \
    static inline V V##_neg(V v) { return -v; }                                                          \
    static inline V V##_copysign(V a, V s) {                                                             \
        const U sign = (U)1 << (sizeof(U) * 8 - 1);                                                      \
        return V##_from_bits((V##_bits(a) & ~sign) | (V##_bits(s) & sign));                              \
    }                                                                                                    \
    static inline V V##_pow2i(V n) { return V##_from_bits((U)((int)n + BIAS) << MANTISSA); }             \
    static inline V V##_exponent(V v) { return (V)((int)(V##_bits(v) >> MANTISSA) - BIAS); }             \
    static inline V V##_mantissa(V v) {                                                                  \
        return V##_from_bits((V##_bits(v) & (((U)1 << MANTISSA) - 1)) | (U)BIAS << MANTISSA);            \
    }                                                                                                    \
    static inline V V##_even(V a, V b) {                                                                 \
        (void)b;                                                                                         \
        return a;                                                                                        \
    }                                                                                                    \
    static inline V V##_odd(V a, V b) {                                                                  \
        (void)a;                                                                                         \
        return b;                                                                                        \
    }                                                                                                    \
    static inline V V##_halves(const T *p, const T *q) {                                                 \
        (void)q;                                                                                         \
        return V##_load(p);                                                                              \
    }                                                                                                    \
    static inline V V##_high(V v) { return v; }                                                          \
    static inline V V##_zip_low(V a, V b) {                                                              \
        (void)b;                                                                                         \
        return a;                                                                                        \
    }                                                                                                    \
    static inline V V##_zip_high(V a, V b) {                                                             \
        (void)a;                                                                                         \
        return b;                                                                                        \
    }                                                                                                    \
    static inline T V##_sum(V v) { return v; }                                                           \
    static inline T V##_hmax(V v) { return v; }

FC_SCALAR_WORDS(vf32, mf32, float, uint32_t, VF32_LANES, 23, 127)
FC_SCALAR_WORDS(vf64, mf64, double, uint64_t, VF64_LANES, 52, 1023)
#undef FC_SCALAR_WORDS

static inline uint16_t scalar_load_u16(const uint16_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline vf32 vf32_load_f16(const uint16_t *p) { return half_from_f16(scalar_load_u16(p)); }
static inline void vf32_store_f16(uint16_t *p, vf32 v) {
    const uint16_t half = half_to_f16(v);
    memcpy(p, &half, sizeof half);
}
static inline vf32 vf32_load_bf16(const uint16_t *p) { return half_from_bf16(scalar_load_u16(p)); }
static inline void vf32_store_bf16(uint16_t *p, vf32 v) {
    const uint16_t half = half_to_bf16(v);
    memcpy(p, &half, sizeof half);
}

static inline void transpose8_b8(uint8_t *dst, size_t pitch, const uint8_t *const *p, size_t k) {
    for (size_t column = 0; column < 8; column++)
        for (size_t r = 0; r < 8; r++)
            dst[column * pitch + r] = p[r][k + column];
}

static inline void transpose4_b32(
    uint32_t *dst, size_t pitch, const uint32_t *p0, const uint32_t *p1, const uint32_t *p2, const uint32_t *p3) {
    const uint32_t *const p[] = {p0, p1, p2, p3};
    for (size_t k = 0; k < 4; k++)
        for (size_t r = 0; r < 4; r++)
            memcpy(dst + k * pitch + r, p[r] + k, sizeof *dst);
}

static inline void transpose2_b64(uint64_t *dst, size_t pitch, const uint64_t *p0, const uint64_t *p1) {
    for (size_t k = 0; k < 2; k++) {
        memcpy(dst + k * pitch, p0 + k, sizeof *dst);
        memcpy(dst + k * pitch + 1, p1 + k, sizeof *dst);
    }
}

#define IGEMM_B8_SHAPES(X) X(4, 2) X(2, 2) X(1, 2) X(4, 1) X(1, 1)

typedef int32_t vi32;
enum { VI32_LANES = 1 };
static inline vi32 vi32_load(const int32_t *p) {
    vi32 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void vi32_store(int32_t *p, vi32 v) { memcpy(p, &v, sizeof v); }
static inline vi32 vi32_load_n(const int32_t *p, size_t n) { return n ? vi32_load(p) : 0; }
static inline void vi32_store_n(int32_t *p, vi32 v, size_t n) {
    if (n)
        vi32_store(p, v);
}
static inline vi32 vi32_set1(int32_t x) { return x; }
static inline vi32 vi32_add(vi32 a, vi32 b) { return (vi32)((uint32_t)a + (uint32_t)b); }
static inline vi32 vi32_mul16(vi32 a, vi32 b) { return a * b; }
static inline vi32 vi32_shift_up(vi32 v, int by) { return by ? 0 : v; }
static inline vi32 vi32_load_u8(const uint8_t *p) { return *p; }
static inline vi32 vi32_load_u16(const uint16_t *p) { return scalar_load_u16(p); }
typedef uint16_t vi16 __attribute__((vector_size(4)));
static inline vi16 vi16_load_u8(const uint8_t *p) { return (vi16){p[0], p[1]}; }
static inline vi16 vi16_low_halves(vi32 a, vi32 b) { return (vi16){(uint16_t)a, (uint16_t)b}; }
static inline vi16 vi16_mulhi(vi16 a, vi16 b) {
    return (vi16){(uint16_t)((uint32_t)a[0] * b[0] >> 16), (uint16_t)((uint32_t)a[1] * b[1] >> 16)};
}
static inline void vi16_store_u8(uint8_t *p, vi16 v) {
    for (int i = 0; i < 2; i++)
        p[i] = (uint8_t)(v[i] < UINT8_MAX ? v[i] : UINT8_MAX);
}
static inline vf32 vf32_load_u8(const uint8_t *p) { return *p; }
static inline vi32 vi32_load_i8(const int8_t *p) { return *p; }
static inline vi32 vi32_max(vi32 a, vi32 b) { return a > b ? a : b; }
static inline vf32 vf32_of_i32(vi32 v) { return (vf32)v; }
/* The last bits of v + 1.5 * 2^23 hold the integer. */
static inline vi32 vi32_nearest(vf32 v) {
    const vf32 off = 0x1.8p23f, sum = v + off;
    return (vi32)(sum - off);
}
static inline void vi32_store_u8(uint8_t *p, vi32 v) { *p = (uint8_t)v; }
static inline vi32 vi32_dot_u8s8(vi32 sum, vi32 a, vi32 b) {
    uint8_t u[4];
    int8_t s[4];
    memcpy(u, &a, 4);
    memcpy(s, &b, 4);
    return vi32_add(sum, u[0] * s[0] + u[1] * s[1] + u[2] * s[2] + u[3] * s[3]);
}

/* Of a pair of bfloat16, the low one comes first in memory. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
static inline vf32 vf32_bf16_low(vf32 v) { return vf32_from_bits(vf32_bits(v) & 0xffff0000u); }
static inline vf32 vf32_bf16_high(vf32 v) { return vf32_from_bits(vf32_bits(v) << 16); }
static inline vf32 vf32_bf16_join(vf32 low, vf32 high) {
    return vf32_from_bits((vf32_bits(low) & 0xffff0000u) | vf32_bits(high) >> 16);
}
#else
static inline vf32 vf32_bf16_low(vf32 v) { return vf32_from_bits(vf32_bits(v) << 16); }
static inline vf32 vf32_bf16_high(vf32 v) { return vf32_from_bits(vf32_bits(v) & 0xffff0000u); }
static inline vf32 vf32_bf16_join(vf32 low, vf32 high) {
    return vf32_from_bits(vf32_bits(low) >> 16 | (vf32_bits(high) & 0xffff0000u));
}
#endif
static inline vf32 vf32_bf16_round(vf32 v) { return vf32_from_bits((vf32_bits(v) + 0x8000) & 0xffff0000u); }
static inline vf32 vf32_most(vf32 top, vf32 v) {
    return vf32_bits(v) << 1 > vf32_bits(top) ? vf32_from_bits(vf32_bits(v) << 1) : top;
}
static inline vf32 vf32_least(vf32 low, vf32 v) {
    return (vf32_bits(v) << 1) - 1 < vf32_bits(low) ? vf32_from_bits((vf32_bits(v) << 1) - 1) : low;
}
static inline vf32 vf32_dot_bf16(vf32 sum, vf32 a, vf32 b) {
    return vf32_fma(vf32_bf16_high(a), vf32_bf16_high(b), vf32_fma(vf32_bf16_low(a), vf32_bf16_low(b), sum));
}

FC_TRANSPOSE_QUARTERS

static inline vf32 vf32_hold(vf32 v) { return v; }
static inline vf64 vf64_hold(vf64 v) { return v; }
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
