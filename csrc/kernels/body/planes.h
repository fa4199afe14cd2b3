/* SPDX-License-Identifier: MIT */
/*
 * The micro-kernel with pixels in the lanes, read in place from planes: only the offsets of the taps are looked up. It
 * asks for the lines of c at its start, to have them when it comes to store, and for what is read next while it
 * computes.
 */
enum { V(PLANES_LINE) = 64 / sizeof(T) };
#define PLANES_KERNEL(ROWS, VECTORS)                                                                              \
    static void TYPED(planes_##ROWS##x##VECTORS)(const fc_planes_block *block) {                                  \
        enum { COLS = VECTORS * LANES, STEP = V(PLANES_LINE) };                                                   \
        const T *a = block->a, *b = block->b, *start = block->start;                                              \
        const ptrdiff_t ahead = block->ahead;                                                                     \
        T *c = block->c;                                                                                          \
        VEC sum[ROWS][VECTORS];                                                                                   \
        CHAIN_PARTS(ROWS, VECTORS, FC_CHAIN);                                                                     \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++) {                                                 \
            VEC first = V(set1)(start ? start[r] : 0);                                                            \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) sum[r][j] = first;                          \
        }                                                                                                         \
        for (int r = 0; r < ROWS; r++)                                                                            \
            for (int j = STEP < COLS ? STEP : COLS; j <= COLS; j += STEP)                                         \
                __builtin_prefetch(c + (size_t)r * block->c_pitch + j - 1, 1);                                    \
        for (size_t i = 0; i < block->k;) {                                                                       \
            if (!room)                                                                                            \
                CHAIN_FOLD(ROWS, VECTORS);                                                                        \
            const size_t end = block->k - i < room ? block->k : i + room;                                         \
            for (room -= end - i; i < end; i++, a += ROWS) {                                                      \
                const T *row = b + block->offsets[i];                                                             \
                VEC columns[VECTORS];                                                                             \
                _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) columns[j] = V(load)(row + j * LANES);  \
                _Pragma("GCC unroll 4") for (int j = 0; j < COLS; j += STEP) __builtin_prefetch(row + ahead + j); \
                _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++) {                                         \
                    VEC weight = V(set1)(a[r]);                                                                   \
                    _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                                     \
                        sum[r][j] = V(fma)(weight, columns[j], sum[r][j]);                                        \
                }                                                                                                 \
            }                                                                                                     \
        }                                                                                                         \
        CHAIN_END(ROWS, VECTORS);                                                                                 \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                                                   \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) {                                           \
            T *to = c + (size_t)r * block->c_pitch + j * LANES;                                                   \
            VEC value = block->accumulate ? V(add)(V(load)(to), sum[r][j]) : sum[r][j];                           \
            V(store)(to, block->relu ? V(add)(V(max)(V(set1)(0), value), V(set1)(0)) : value);                    \
        }                                                                                                         \
    }
PLANES_SHAPES(PLANES_KERNEL)
#undef PLANES_KERNEL

static void TYPED(planes)(fc_planes_tile *tiles) {
#define PLANES_ROW(ROWS, VECTORS) \
    *tiles++ = (fc_planes_tile){ROWS, VECTORS * LANES, VECTORS, TYPED(planes_##ROWS##x##VECTORS)};
    PLANES_SHAPES(PLANES_ROW)
#undef PLANES_ROW
    *tiles = (fc_planes_tile){0};
}
