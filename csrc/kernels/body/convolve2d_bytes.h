/* SPDX-License-Identifier: MIT */
/* convolve2d on bytes, in sums of 16 bits or float: they are widened as they are loaded. */
static inline vb16 vb16_load_u8(const uint8_t *p) { return (vb16)vi16_load_u8(p); }
static inline vb16 vb16_load_n_u8(const uint8_t *p, size_t n) {
    uint8_t bytes[vb16_LANES] = {0};
    memcpy(bytes, p, n);
    return vb16_load_u8(bytes);
}
static inline vf32 vf32_load_n_u8(const uint8_t *p, size_t n) {
    uint8_t bytes[VF32_LANES] = {0};
    memcpy(bytes, p, n);
    return vf32_load_u8(bytes);
}

#undef T
#undef VEC
#undef V
#undef LANES
#undef TYPED
#define T uint16_t
#define VEC vb16
#define V(word) vb16_##word
#define LANES vb16_LANES
#define TYPED(slot) FC_NAME(slot##_u8_b16)
#define SOURCE uint8_t
#define S(word) vb16_##word##_u8
#include "kernels/body/convolve2d.h"

#include "kernels/body/as_f32.h"
#undef TYPED
#define TYPED(slot) FC_NAME(slot##_u8_f32)
#define SOURCE uint8_t
#define S(word) vf32_##word##_u8
#include "kernels/body/convolve2d.h"

#undef TYPED
#define TYPED(slot) FC_NAME(slot##_unfused_u8_f32)
#define SOURCE uint8_t
#define S(word) vf32_##word##_u8
#define MULTIPLY_ADD(a, b, c) vf32_add(vf32_mul(a, b), c)
#include "kernels/body/convolve2d.h"
