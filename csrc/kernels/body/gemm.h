/* SPDX-License-Identifier: MIT */
/*
 * The micro-kernel: an outer product a step, the whole tile in registers. `a` is broadcast, `b` loaded as vectors.
 * Reads and writes of c happen once for all k steps. The order of additions is the order of i, in chains (chain.h),
 * whatever the tile.
 */
#define GEMM_KERNEL(ROWS, VECTORS)                                                                             \
    static void TYPED(gemm_##ROWS##x##VECTORS)(size_t k, const void *a_, size_t a_pitch, const void *b_,       \
        size_t b_pitch, void *c_, size_t c_pitch, int accumulate) {                                            \
        const ANY *a = a_;                                                                                     \
        const T *b = b_;                                                                                       \
        T *c = c_;                                                                                             \
        VEC sum[ROWS][VECTORS];                                                                                \
        CHAIN_PARTS(ROWS, VECTORS, FC_CHAIN);                                                                  \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                                                \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) sum[r][j] = V(set1)(0);                  \
        for (size_t i = 0; i < k;) {                                                                           \
            if (!room)                                                                                         \
                CHAIN_FOLD(ROWS, VECTORS);                                                                     \
            const size_t end = k - i < room ? k : i + room;                                                    \
            for (room -= end - i; i < end; i++, a += a_pitch, b += b_pitch) {                                  \
                VEC columns[VECTORS];                                                                          \
                _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) columns[j] = V(load)(b + j * LANES); \
                _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++) {                                      \
                    VEC row = V(set1)(a[r]);                                                                   \
                    _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                                  \
                        sum[r][j] = V(fma)(row, columns[j], sum[r][j]);                                        \
                }                                                                                              \
            }                                                                                                  \
        }                                                                                                      \
        CHAIN_END(ROWS, VECTORS);                                                                              \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                                                \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) {                                        \
            T *to = c + r * c_pitch + j * LANES;                                                               \
            V(store)(to, accumulate ? V(add)(V(load)(to), sum[r][j]) : sum[r][j]);                             \
        }                                                                                                      \
    }
GEMM_SHAPES(GEMM_KERNEL)
#undef GEMM_KERNEL

static void TYPED(gemm)(fc_gemm_tile *tiles) {
#define GEMM_ROW(ROWS, VECTORS) \
    *tiles++ = (fc_gemm_tile){ROWS, VECTORS * LANES, VECTORS, TYPED(gemm_##ROWS##x##VECTORS)};
    GEMM_SHAPES(GEMM_ROW)
#undef GEMM_ROW
    *tiles = (fc_gemm_tile){0};
}
