/* SPDX-License-Identifier: MIT */
/*
 * The reduction of the depthwise kernel's gradient: channels are lanes, and a few vectors of them under a few taps of a
 * row are open at a time, so that a pixel's channels are read together.
 */
#define DWCONV_WGRAD(TAPS, VECTORS)                                                                            \
    static inline __attribute__((always_inline)) void TYPED(dwconv_wgrad_##TAPS)(                              \
        const fc_dwconv_wgrad *g, size_t tap, size_t c, size_t n, const int vectors, const int whole) {        \
        VEC sum[TAPS][VECTORS];                                                                                \
        CHAIN_PARTS(TAPS, VECTORS, FC_CHAIN);                                                                  \
        _Pragma("GCC unroll 8") for (int t = 0; t < TAPS; t++)                                                 \
            _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) sum[t][v] = V(set1)(0);                  \
        for (size_t i = 0; i < g->rows; i++) {                                                                 \
            const T *x = (const T *)g->x + (ptrdiff_t)tap * g->x_tap + (ptrdiff_t)i * g->x_row + (ptrdiff_t)c; \
            const T *dy = (const T *)g->dy + (ptrdiff_t)i * g->dy_row + (ptrdiff_t)c;                          \
            for (size_t p = 0; p < g->cols;) {                                                                 \
                if (!room)                                                                                     \
                    CHAIN_FOLD(TAPS, vectors);                                                                 \
                const size_t end = g->cols - p < room ? g->cols : p + room;                                    \
                for (room -= end - p; p < end; p++, x += g->x_col, dy += g->dy_col)                            \
                    _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) {                                \
                        const VEC slope = whole ? V(load)(dy + v * LANES) : V(load_n)(dy, n);                  \
                        _Pragma("GCC unroll 8") for (int t = 0; t < TAPS; t++) {                               \
                            const T *cell = x + t * g->x_tap + v * LANES;                                      \
                            sum[t][v] = V(fma)(whole ? V(load)(cell) : V(load_n)(cell, n), slope, sum[t][v]);  \
                        }                                                                                      \
                    }                                                                                          \
            }                                                                                                  \
        }                                                                                                      \
        CHAIN_END(TAPS, vectors);                                                                              \
        _Pragma("GCC unroll 8") for (int t = 0; t < TAPS; t++)                                                 \
            _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) {                                        \
            T *to = (T *)g->sums + (tap + (size_t)t) * g->channels + c + (size_t)v * LANES;                    \
            if (whole)                                                                                         \
                V(store)(to, sum[t][v]);                                                                       \
            else                                                                                               \
                V(store_n)(to, sum[t][v], n);                                                                  \
        }                                                                                                      \
    }                                                                                                          \
    static void TYPED(dwconv_wgrad_of_##TAPS)(const fc_dwconv_wgrad *g, size_t tap) {                          \
        size_t c = 0;                                                                                          \
        for (; c + VECTORS * LANES <= g->channels; c += VECTORS * LANES)                                       \
            TYPED(dwconv_wgrad_##TAPS)(g, tap, c, LANES, VECTORS, 1);                                          \
        for (; c + LANES <= g->channels; c += LANES)                                                           \
            TYPED(dwconv_wgrad_##TAPS)(g, tap, c, LANES, 1, 1);                                                \
        if (c < g->channels)                                                                                   \
            TYPED(dwconv_wgrad_##TAPS)(g, tap, c, g->channels - c, 1, 0);                                      \
    }
#if VEC_REGISTERS < 32
DWCONV_WGRAD(5, 2)
DWCONV_WGRAD(3, 2)
DWCONV_WGRAD(1, 4)
#else
DWCONV_WGRAD(5, 4)
DWCONV_WGRAD(3, 4)
DWCONV_WGRAD(1, 4)
#endif
#undef DWCONV_WGRAD

static void TYPED(dwconv_wgrad)(const fc_dwconv_wgrad *g) {
    size_t tap = 0;
    for (; tap + 5 <= g->taps; tap += 5)
        TYPED(dwconv_wgrad_of_5)(g, tap);
    for (; tap + 3 <= g->taps; tap += 3)
        TYPED(dwconv_wgrad_of_3)(g, tap);
    for (; tap < g->taps; tap++)
        TYPED(dwconv_wgrad_of_1)(g, tap);
}
