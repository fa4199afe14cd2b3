/* SPDX-License-Identifier: MIT */
/* What a body means by T, VEC, V(word), ...: here double. No include guard, it is switched to and fro. */
#undef T
#undef ANY
#undef VEC
#undef MASK
#undef V
#undef M
#undef LANES
#undef TYPED
#define T double
#define ANY fc_any_double
#define VEC vf64
#define MASK mf64
#define V(word) vf64_##word
#define M(word) mf64_##word
#define LANES VF64_LANES
#define TYPED(slot) FC_NAME(slot##_f64)
