/* SPDX-License-Identifier: MIT */
/* Kernels most of whose taps are 0: a row of outputs at a time, each of the others' taps with cells of its own. Chains
 * as in convolve2d.h. */
#ifndef MULTIPLY_ADD
#define MULTIPLY_ADD(a, b, c) V(fma)(a, b, c)
#endif
#define SPARSE_TILE(NAME, VECTORS, LOAD, STORE)                                                           \
    static void TYPED(sparse_##NAME)(                                                                     \
        const fc_sparse_block *b, const void *const *rows, size_t first, size_t n, T *out) {              \
        VEC sum[VECTORS], chain[VECTORS];                                                                 \
        (void)n;                                                                                          \
        _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) sum[v] = V(set1)(0);                    \
        for (size_t t = 0, end; t < b->n_taps;) {                                                         \
            end = b->n_taps - t < TYPED(convolve2d_CHAIN) ? b->n_taps : t + TYPED(convolve2d_CHAIN);      \
            _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) chain[v] = V(set1)(0);              \
            for (; t < end; t++) {                                                                        \
                const T *x = (const T *)rows[b->places[t].row] + b->places[t].offset + first;             \
                VEC weight = V(set1)(((const T *)b->taps)[t]);                                            \
                _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++)                                 \
                    chain[v] = MULTIPLY_ADD(weight, LOAD(x + v * LANES), chain[v]);                       \
            }                                                                                             \
            _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) sum[v] = V(add)(sum[v], chain[v]);  \
        }                                                                                                 \
        _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) STORE(out + first + v * LANES, sum[v]); \
    }
#define SPARSE_LOAD_N(p) V(load_n)(p, n)
#define SPARSE_STORE_N(p, v) V(store_n)(p, v, n)
SPARSE_TILE(wide, 8, V(load), V(store))
SPARSE_TILE(narrow, 1, V(load), V(store))
SPARSE_TILE(masked, 1, SPARSE_LOAD_N, SPARSE_STORE_N)
#undef SPARSE_LOAD_N
#undef SPARSE_STORE_N
#undef SPARSE_TILE

static void TYPED(sparse)(const fc_sparse_block *b) {
    for (size_t r = 0; r < b->n_rows; r++) {
        T *out = (T *)b->out + r * b->out_pitch;
        size_t c = 0;
        for (; c + 8 * LANES <= b->n_cols; c += 8 * LANES)
            TYPED(sparse_wide)(b, b->rows + r, c, 0, out);
        for (; c + LANES <= b->n_cols; c += LANES)
            TYPED(sparse_narrow)(b, b->rows + r, c, 0, out);
        if (c < b->n_cols)
            TYPED(sparse_masked)(b, b->rows + r, c, b->n_cols - c, out);
    }
}
#undef MULTIPLY_ADD
