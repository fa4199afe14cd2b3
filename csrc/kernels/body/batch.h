/* SPDX-License-Identifier: MIT */
/* The micro-kernel with images in the lanes: every lane is busy, however few the channels are. Tiles of equally many
 * outs follow one another. */
#undef BATCH_SHAPES
/* clang-format off */
#if VEC_REGISTERS < 32
#define BATCH_SHAPES(X) X(6, 2) X(6, 1) X(4, 3) X(4, 2) X(3, 3) X(3, 2) X(2, 5) X(2, 4) X(2, 3) X(1, 8) X(1, 4)
#else
#define BATCH_SHAPES(X) \
    X(12, 2) X(12, 1) X(8, 3) X(8, 2) X(8, 1) X(6, 4) X(6, 3) X(6, 2) X(5, 5) X(5, 4) X(5, 3) X(4, 6) X(4, 5) \
    X(4, 4) X(4, 3) X(3, 8) X(3, 6) X(3, 4) X(2, 8) X(2, 6) X(2, 4) X(1, 8) X(1, 4)
#endif
/* clang-format on */

#define BATCH_KERNEL(OUTS, PIXELS)                                                                                   \
    static void TYPED(batch_##OUTS##x##PIXELS)(const fc_batch_block *g) {                                            \
        const T *start = g->start;                                                                                   \
        const ptrdiff_t pixel = g->b_pixel;                                                                          \
        VEC sum[OUTS][PIXELS];                                                                                       \
        CHAIN_PARTS(OUTS, PIXELS, FC_CHAIN);                                                                         \
        _Pragma("GCC unroll 16") for (int r = 0; r < OUTS; r++) {                                                    \
            VEC first = V(set1)(start ? start[r] : 0);                                                               \
            _Pragma("GCC unroll 16") for (int p = 0; p < PIXELS; p++) sum[r][p] = first;                             \
        }                                                                                                            \
        for (size_t s = 0; s < g->rows; s++)                                                                         \
            for (size_t t = 0; t < g->cols; t++) {                                                                   \
                const T *a = (const T *)g->a + (ptrdiff_t)s * g->a_row + (ptrdiff_t)t * g->a_col;                    \
                const T *b = (const T *)g->b + (ptrdiff_t)s * g->b_row + (ptrdiff_t)t * g->b_col;                    \
                for (size_t i = 0; i < g->length;) {                                                                 \
                    if (!room)                                                                                       \
                        CHAIN_FOLD(OUTS, PIXELS);                                                                    \
                    const size_t end = g->length - i < room ? g->length : i + room;                                  \
                    for (room -= end - i; i < end; i++, a += OUTS, b += LANES) {                                     \
                        VEC cells[PIXELS];                                                                           \
                        _Pragma("GCC unroll 16") for (int p = 0; p < PIXELS; p++) cells[p] = V(load)(b + p * pixel); \
                        _Pragma("GCC unroll 16") for (int r = 0; r < OUTS; r++) {                                    \
                            VEC weight = V(set1)(a[r]);                                                              \
                            _Pragma("GCC unroll 16") for (int p = 0; p < PIXELS; p++)                                \
                                sum[r][p] = V(fma)(weight, cells[p], sum[r][p]);                                     \
                        }                                                                                            \
                    }                                                                                                \
                }                                                                                                    \
            }                                                                                                        \
        CHAIN_END(OUTS, PIXELS);                                                                                     \
        _Pragma("GCC unroll 16") for (int p = 0; p < PIXELS; p++) _Pragma("GCC unroll 16") for (int r = 0; r < OUTS; \
            r++) if ((size_t)p < g->stored && (size_t)r < g->kept) {                                                 \
            T *to = (T *)g->c + p * g->c_pixel + r * LANES;                                                          \
            VEC value = g->accumulate ? V(add)(V(load)(to), sum[r][p]) : sum[r][p];                                  \
            V(store)(to, g->relu ? V(add)(V(max)(V(set1)(0), value), V(set1)(0)) : value);                           \
        }                                                                                                            \
    }
BATCH_SHAPES(BATCH_KERNEL)
#undef BATCH_KERNEL

static void TYPED(batch)(fc_batch_tile *tiles) {
#define BATCH_ROW(OUTS, PIXELS) *tiles++ = (fc_batch_tile){OUTS, PIXELS, LANES, TYPED(batch_##OUTS##x##PIXELS)};
    BATCH_SHAPES(BATCH_ROW)
#undef BATCH_ROW
    *tiles = (fc_batch_tile){0};
}
