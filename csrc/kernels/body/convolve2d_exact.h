/* SPDX-License-Identifier: MIT */
/*
 * convolve2d on integers and bools, in GCC's vectors of the width of this ISA's float vector. Products and sums are
 * taken modulo 2^bits, so one kernel serves a signed type and its unsigned twin. There is no multiplication of bytes:
 * even and odd ones go as two vectors of 16 bits, whose upper halves end as rubbish and are dropped (the even bytes
 * need not even be cleared of the odd ones above them). On bools the sum is OR, the product AND: a tap is 0 or 0xff, an
 * output 0 or 1.
 */
#define CONVOLVE2D_WORDS(V, T, FMA, ADD)                                                           \
    typedef T V __attribute__((vector_size(sizeof(vf32) > sizeof(T) ? sizeof(vf32) : sizeof(T)))); \
    enum { V##_LANES = sizeof(V) / sizeof(T) };                                                    \
    static inline V V##_load(const void *p) {                                                      \
        V v;                                                                                       \
        memcpy(&v, p, sizeof v);                                                                   \
        return v;                                                                                  \
    }                                                                                              \
    static inline V V##_load_n(const void *p, size_t n) {                                          \
        V v = {0};                                                                                 \
        memcpy(&v, p, n * sizeof(T));                                                              \
        return v;                                                                                  \
    }                                                                                              \
    static inline V V##_hold(V v) {                                                                \
        vf32 same;                                                                                 \
        if (sizeof v == sizeof same) {                                                             \
            memcpy(&same, &v, sizeof same);                                                        \
            same = vf32_hold(same);                                                                \
            memcpy(&v, &same, sizeof v);                                                           \
        }                                                                                          \
        return v;                                                                                  \
    }                                                                                              \
    static inline V V##_set1(T x) { return (V){0} + x; }                                           \
    static inline V V##_fma(V a, V b, V c) { return FMA; }                                         \
    static inline V V##_add(V a, V b) { return ADD; }
#define CONVOLVE2D_STORES(V, T, RESULT)                      \
    static inline void V##_store(void *p, V v) {             \
        v = RESULT;                                          \
        memcpy(p, &v, sizeof v);                             \
    }                                                        \
    static inline void V##_store_n(void *p, V v, size_t n) { \
        v = RESULT;                                          \
        memcpy(p, &v, n * sizeof(T));                        \
    }                                                        \
    static inline void V##_stream(void *p, V v) {            \
        vf32 same;                                           \
        v = RESULT;                                          \
        if (sizeof v != sizeof same) {                       \
            memcpy(p, &v, sizeof v);                         \
            return;                                          \
        }                                                    \
        memcpy(&same, &v, sizeof v);                         \
        vf32_stream(p, same);                                \
    }

CONVOLVE2D_WORDS(vbool, uint8_t, c | (a & b), a | b)
CONVOLVE2D_STORES(vbool, uint8_t, (vbool)(v != 0) & 1)
CONVOLVE2D_WORDS(vb16, uint16_t, c + a * b, a + b)
CONVOLVE2D_STORES(vb16, uint16_t, v)
CONVOLVE2D_WORDS(vb32, uint32_t, c + a * b, a + b)
CONVOLVE2D_STORES(vb32, uint32_t, v)
CONVOLVE2D_WORDS(vb64, uint64_t, c + a * b, a + b)
CONVOLVE2D_STORES(vb64, uint64_t, v)
#undef CONVOLVE2D_WORDS
#undef CONVOLVE2D_STORES

typedef struct vb8 {
    vb16 even, odd;
} vb8;
enum { vb8_LANES = sizeof(vb16) };
static inline vb8 vb8_split(vb16 v) { return (vb8){v, v >> 8}; }
static inline vb16 vb8_join(vb8 v) { return (v.even & 0xff) | v.odd << 8; }
static inline vb8 vb8_load(const void *p) { return vb8_split(vb16_load(p)); }
static inline vb8 vb8_load_n(const void *p, size_t n) {
    vb16 v = {0};
    memcpy(&v, p, n);
    return vb8_split(v);
}
static inline vb8 vb8_hold(vb8 v) { return (vb8){vb16_hold(v.even), vb16_hold(v.odd)}; }
static inline vb8 vb8_set1(uint8_t x) { return (vb8){vb16_set1(x), vb16_set1(x)}; }
static inline vb8 vb8_fma(vb8 a, vb8 b, vb8 c) { return (vb8){c.even + a.even * b.even, c.odd + a.odd * b.odd}; }
static inline vb8 vb8_add(vb8 a, vb8 b) { return (vb8){a.even + b.even, a.odd + b.odd}; }
static inline void vb8_store(void *p, vb8 v) { vb16_store(p, vb8_join(v)); }
static inline void vb8_stream(void *p, vb8 v) { vb16_stream(p, vb8_join(v)); }
static inline void vb8_store_n(void *p, vb8 v, size_t n) {
    vb16 bytes = vb8_join(v);
    memcpy(p, &bytes, n);
}

#define T uint8_t
#define VEC vbool
#define V(word) vbool_##word
#define LANES vbool_LANES
#define TYPED(slot) FC_NAME(slot##_bool)
#include "kernels/body/convolve2d.h"
#undef VEC
#undef V
#undef LANES
#undef TYPED
#define VEC vb8
#define V(word) vb8_##word
#define LANES vb8_LANES
#define TYPED(slot) FC_NAME(slot##_b8)
#include "kernels/body/convolve2d.h"
#include "kernels/body/sparse.h"
#include "kernels/body/dots.h"
#undef T
#undef VEC
#undef V
#undef LANES
#undef TYPED
#define T uint16_t
#define VEC vb16
#define V(word) vb16_##word
#define LANES vb16_LANES
#define TYPED(slot) FC_NAME(slot##_b16)
#include "kernels/body/convolve2d.h"
#include "kernels/body/sparse.h"
#include "kernels/body/dots.h"
#undef T
#undef VEC
#undef V
#undef LANES
#undef TYPED
#define T uint32_t
#define VEC vb32
#define V(word) vb32_##word
#define LANES vb32_LANES
#define TYPED(slot) FC_NAME(slot##_b32)
#include "kernels/body/convolve2d.h"
#include "kernels/body/sparse.h"
#include "kernels/body/dots.h"
#undef T
#undef VEC
#undef V
#undef LANES
#undef TYPED
#define T uint64_t
#define VEC vb64
#define V(word) vb64_##word
#define LANES vb64_LANES
#define TYPED(slot) FC_NAME(slot##_b64)
#include "kernels/body/convolve2d.h"
#include "kernels/body/sparse.h"
#include "kernels/body/dots.h"
