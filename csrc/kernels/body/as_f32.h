/* SPDX-License-Identifier: MIT */
/* What a body means by T, VEC, V(word), ...: here float. No include guard, it is switched to and fro. */
#undef T
#undef ANY
#undef VEC
#undef MASK
#undef V
#undef M
#undef LANES
#undef TYPED
#define T float
#define ANY fc_any_float
#define VEC vf32
#define MASK mf32
#define V(word) vf32_##word
#define M(word) mf32_##word
#define LANES VF32_LANES
#define TYPED(slot) FC_NAME(slot##_f32)
