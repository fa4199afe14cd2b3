/* SPDX-License-Identifier: MIT */
/*
 * Sums of windows in which every cell counts the same, at a price that does not grow with the window, after M. van
 * Herk's and J. Gil and M. Werman's running extrema (Pattern Recognition Letters 13, 1992; IEEE PAMI 15, 1993): at
 * every k-th row a block begins; a window is the end of one block, summed from its last row up, and the beginning of
 * the next. No cell is ever taken away again: a window's sum holds its own cells only, infinities and NaN as well.
 * Running sums are taken in pieces of about the root of k rows, as equal cells drift with the length of a chain
 * (convolve2d.h).
 */
#define BOX_BEGIN(VECTORS)            \
    for (int v = 0; v < VECTORS; v++) \
        sum[v] = before[v] = V(set1)(0);
#define BOX_FOLD(VECTORS)                      \
    for (int v = 0; v < VECTORS; v++) {        \
        before[v] = V(add)(before[v], sum[v]); \
        sum[v] = V(set1)(0);                   \
    }
#define BOX_STRIP(NAME, VECTORS, LOAD, STORE)                                                                  \
    static void TYPED(box_##NAME)(const fc_box_columns *b, size_t piece, size_t c, size_t n) {                 \
        enum { WIDTH = VECTORS * LANES };                                                                      \
        const VEC tap = V(set1)(*(const T *)b->tap);                                                           \
        T *ends = b->temp;                                                                                     \
        VEC sum[VECTORS], before[VECTORS];                                                                     \
        (void)n;                                                                                               \
        BOX_BEGIN(VECTORS)                                                                                     \
        for (size_t j = b->k, length = 0; j-- > 0; length++) {                                                 \
            if (length == piece) {                                                                             \
                BOX_FOLD(VECTORS)                                                                              \
                length = 0;                                                                                    \
            }                                                                                                  \
            for (int v = 0; v < VECTORS; v++) {                                                                \
                sum[v] = V(add)(sum[v], LOAD((const T *)b->rows[j] + c + v * LANES, n));                       \
                V(store)(ends + j * WIDTH + v * LANES, V(add)(before[v], sum[v]));                             \
            }                                                                                                  \
        }                                                                                                      \
        BOX_BEGIN(VECTORS)                                                                                     \
        for (size_t r = 0, length = 0; r < b->n_rows; r++) {                                                   \
            if (r && length++ == piece) {                                                                      \
                BOX_FOLD(VECTORS)                                                                              \
                length = 1;                                                                                    \
            }                                                                                                  \
            for (int v = 0; v < VECTORS; v++) {                                                                \
                if (r)                                                                                         \
                    sum[v] = V(add)(sum[v], LOAD((const T *)b->rows[b->k + r - 1] + c + v * LANES, n));        \
                STORE((T *)b->out + r * b->out_pitch + c + v * LANES,                                          \
                    V(mul)(tap, V(add)(V(load)(ends + r * WIDTH + v * LANES), V(add)(before[v], sum[v]))), n); \
            }                                                                                                  \
        }                                                                                                      \
    }
#define BOX_LOAD(p, n) V(load)(p)
#define BOX_STORE(p, v, n) V(store)(p, v)
BOX_STRIP(wide, 2, BOX_LOAD, BOX_STORE)
BOX_STRIP(narrow, 1, BOX_LOAD, BOX_STORE)
BOX_STRIP(masked, 1, V(load_n), V(store_n))
#undef BOX_LOAD
#undef BOX_STORE
#undef BOX_STRIP
#undef BOX_FOLD
#undef BOX_BEGIN

static void TYPED(box_columns)(const fc_box_columns *b) {
    size_t c = 0, piece = 4;
    while (piece * piece < b->k)
        piece *= 2;
    for (; c + 2 * LANES <= b->n_cols; c += 2 * LANES)
        TYPED(box_wide)(b, piece, c, 0);
    for (; c + LANES <= b->n_cols; c += LANES)
        TYPED(box_narrow)(b, piece, c, 0);
    if (c < b->n_cols)
        TYPED(box_masked)(b, piece, c, b->n_cols - c);
}
