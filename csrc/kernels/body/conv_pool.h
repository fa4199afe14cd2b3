/* SPDX-License-Identifier: MIT */
/*
 * A convolution and the maximum of its results in windows of 2 x 2, all of them in registers: a few windows side by
 * side times a few vectors of output channels. The order of additions is that of t, then i, in chains (chain.h).
 */
#if VEC_REGISTERS < 32
#define CONV_POOL_SHAPES(X) X(2, 1) X(1, 2)
#else
#define CONV_POOL_SHAPES(X) X(4, 1) X(2, 2)
#endif

#define CONV_POOL_STEP(WINDOWS, VECTORS)                                                                            \
    do {                                                                                                            \
        VEC columns[VECTORS];                                                                                       \
        _Pragma("GCC unroll 2") for (int j = 0; j < VECTORS; j++) columns[j] = V(load)(w + j * LANES);              \
        _Pragma("GCC unroll 16") for (int r = 0; r < 4 * WINDOWS; r++) {                                            \
            const VEC x = V(set1)(at[r][i]);                                                                        \
            _Pragma("GCC unroll 2") for (int j = 0; j < VECTORS; j++) sum[r][j] = V(fma)(x, columns[j], sum[r][j]); \
        }                                                                                                           \
        w += row->w_pitch;                                                                                          \
    } while (0)

/* `count` <= WINDOWS windows from q on, n output channels from c on: more than VECTORS - 1 vectors. */
#define CONV_POOL(WINDOWS, VECTORS)                                                                               \
    static void V(conv_pool_##WINDOWS##x##VECTORS)(                                                               \
        const fc_conv_pool *row, size_t q, size_t count, size_t c, size_t n) {                                    \
        const ANY *at[4 * WINDOWS];                                                                               \
        const T *w = (const T *)row->w + c;                                                                       \
        VEC sum[4 * WINDOWS][VECTORS];                                                                            \
        CHAIN_PARTS(4 * WINDOWS, VECTORS, FC_CHAIN);                                                              \
        _Pragma("GCC unroll 4") for (int k = 0; k < WINDOWS; k++) {                                               \
            const ptrdiff_t window = (ptrdiff_t)(q + ((size_t)k < count ? (size_t)k : count - 1));                \
            _Pragma("GCC unroll 4") for (int cell = 0; cell < 4; cell++) at[4 * k + cell] = (const ANY *)row->x + \
                (cell / 2) * row->x_row + (2 * window + cell % 2) * row->x_col;                                   \
        }                                                                                                         \
        _Pragma("GCC unroll 2") for (int j = 0; j < VECTORS; j++) {                                               \
            const VEC first = row->bias ? V(load)((const T *)row->bias + c + j * LANES) : V(set1)(0);             \
            _Pragma("GCC unroll 16") for (int r = 0; r < 4 * WINDOWS; r++) sum[r][j] = first;                     \
        }                                                                                                         \
        for (size_t t = 0; t < row->taps; t++) {                                                                  \
            for (size_t i = 0; i < row->length;) {                                                                \
                if (!room)                                                                                        \
                    CHAIN_FOLD(4 * WINDOWS, VECTORS);                                                             \
                const size_t end = row->length - i < room ? row->length : i + room;                               \
                room -= end - i;                                                                                  \
                for (; i < end; i++)                                                                              \
                    CONV_POOL_STEP(WINDOWS, VECTORS);                                                             \
            }                                                                                                     \
            _Pragma("GCC unroll 16") for (int r = 0; r < 4 * WINDOWS; r++) at[r] += row->x_tap;                   \
        }                                                                                                         \
        CHAIN_END(4 * WINDOWS, VECTORS);                                                                          \
        T *y = (T *)row->y + (ptrdiff_t)q * row->y_pitch + c;                                                     \
        _Pragma("GCC unroll 4") for (int k = 0; k < WINDOWS; k++) if ((size_t)k < count)                          \
            _Pragma("GCC unroll 2") for (int j = 0; j < VECTORS; j++) {                                           \
            VEC best = V(conv_pool_best)(sum[4 * k][j], sum[4 * k + 1][j], sum[4 * k + 2][j], sum[4 * k + 3][j]); \
            if (row->relu)                                                                                        \
                best = V(clamp)(best, 0);                                                                         \
            T *to = y + k * row->y_pitch + j * LANES;                                                             \
            if (n >= (size_t)(j + 1) * LANES)                                                                     \
                V(store)(to, best);                                                                               \
            else                                                                                                  \
                V(store_n)(to, best, n - (size_t)j * LANES);                                                      \
        }                                                                                                         \
    }

static inline VEC V(conv_pool_best)(VEC a, VEC b, VEC c, VEC d) {
    const MASK bad = M(or)(M(or)(V(isnan)(a), V(isnan)(b)), M(or)(V(isnan)(c), V(isnan)(d)));
    const VEC best = V(max)(V(max)(a, b), V(max)(c, d));
    return V(select)(bad, V(set1)((T)__builtin_nan("")), best);
}

CONV_POOL_SHAPES(CONV_POOL)

static void TYPED(conv_pool)(const fc_conv_pool *row) {
    for (size_t c = 0; c < row->outs;) {
        const size_t left = row->outs - c;
#define CONV_POOL_ROW(WINDOWS, VECTORS)                                      \
    if (left > (VECTORS - 1) * LANES && (VECTORS == 2 || left <= LANES)) {   \
        for (size_t q = 0; q < row->windows; q += WINDOWS)                   \
            V(conv_pool_##WINDOWS##x##VECTORS)                               \
        (row, q, row->windows - q < WINDOWS ? row->windows - q : WINDOWS, c, \
            left < VECTORS * LANES ? left : VECTORS * LANES);                \
        c += VECTORS * LANES;                                                \
        continue;                                                            \
    }
        CONV_POOL_SHAPES(CONV_POOL_ROW)
#undef CONV_POOL_ROW
    }
}
#undef CONV_POOL
#undef CONV_POOL_STEP
#undef CONV_POOL_SHAPES
