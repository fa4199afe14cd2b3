/* SPDX-License-Identifier: MIT */
/* max(0, v), and min(ceiling, .) unless ceiling is 0; NaN stays, -0 becomes 0. */
static inline __attribute__((always_inline)) VEC V(clamp)(VEC v, float ceiling) {
    v = V(add)(V(max)(V(set1)(0), v), V(set1)(0));
    return ceiling ? V(min)(V(set1)((T)ceiling), v) : v;
}
