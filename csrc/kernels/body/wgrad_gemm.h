/* SPDX-License-Identifier: MIT */
/*
 * The micro-kernel of the kernel's gradient: outer products of numbers that lie together at a pixel, summed over
 * pixels, the whole tile in registers. The order of additions is that of the pixels, in chains (chain.h), whatever the
 * tile. Pixels lie far apart, where the processor's own prefetching sees no stream: they are asked for a few steps
 * ahead.
 */
#define WGRAD_GEMM_KERNEL(ROWS, VECTORS)                                                                \
    static inline __attribute__((always_inline)) void TYPED(wgrad_gemm_sum_##ROWS##x##VECTORS)(         \
        const fc_wgrad_gemm_block *g, const int whole) {                                                \
        enum { AHEAD = 12 };                                                                            \
        const size_t last = g->outs - (VECTORS - 1) * LANES;                                            \
        T *c = g->c;                                                                                    \
        VEC sum[ROWS][VECTORS];                                                                         \
        CHAIN_PARTS(ROWS, VECTORS, FC_CHAIN);                                                           \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                                         \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) sum[r][j] = V(set1)(0);           \
        for (size_t n = 0; n < g->images; n++)                                                          \
            for (size_t i = 0; i < g->rows; i++) {                                                      \
                const ANY *a = (const ANY *)g->a + (ptrdiff_t)n * g->a_image + (ptrdiff_t)i * g->a_row; \
                const T *b = (const T *)g->b + (ptrdiff_t)n * g->b_image + (ptrdiff_t)i * g->b_row;     \
                for (size_t p = 0; p < g->cols;) {                                                      \
                    if (!room)                                                                          \
                        CHAIN_FOLD(ROWS, VECTORS);                                                      \
                    const size_t end = g->cols - p < room ? g->cols : p + room;                         \
                    for (room -= end - p; p < end; p++, a += g->a_col, b += g->b_col) {                 \
                        VEC columns[VECTORS];                                                           \
                        __builtin_prefetch(a + AHEAD * g->a_col);                                       \
                        _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                       \
                            __builtin_prefetch(b + AHEAD * g->b_col + j * LANES);                       \
                        _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                       \
                            columns[j] = whole || j < VECTORS - 1 ? V(load)(b + j * LANES)              \
                                                                  : V(load_n)(b + j * LANES, last);     \
                        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++) {                       \
                            VEC row = V(set1)(a[r]);                                                    \
                            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                   \
                                sum[r][j] = V(fma)(row, columns[j], sum[r][j]);                         \
                        }                                                                               \
                    }                                                                                   \
                }                                                                                       \
            }                                                                                           \
        CHAIN_END(ROWS, VECTORS);                                                                       \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                                         \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) {                                 \
            T *to = c + (r * VECTORS + j) * LANES;                                                      \
            V(store)(to, g->accumulate ? V(add)(V(load)(to), sum[r][j]) : sum[r][j]);                   \
        }                                                                                               \
    }                                                                                                   \
    static void TYPED(wgrad_gemm_##ROWS##x##VECTORS)(const fc_wgrad_gemm_block *g) {                    \
        if (g->outs == VECTORS * LANES)                                                                 \
            TYPED(wgrad_gemm_sum_##ROWS##x##VECTORS)(g, 1);                                             \
        else                                                                                            \
            TYPED(wgrad_gemm_sum_##ROWS##x##VECTORS)(g, 0);                                             \
    }
WGRAD_GEMM_SHAPES(WGRAD_GEMM_KERNEL)
#undef WGRAD_GEMM_KERNEL

static void TYPED(wgrad_gemm)(fc_wgrad_gemm_tile *tiles) {
#define WGRAD_GEMM_ROW(ROWS, VECTORS) \
    *tiles++ = (fc_wgrad_gemm_tile){ROWS, VECTORS * LANES, VECTORS, TYPED(wgrad_gemm_##ROWS##x##VECTORS)};
    WGRAD_GEMM_SHAPES(WGRAD_GEMM_ROW)
#undef WGRAD_GEMM_ROW
    *tiles = (fc_wgrad_gemm_tile){0};
}
