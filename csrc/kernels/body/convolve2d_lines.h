/* SPDX-License-Identifier: MIT */
/*
 * Tiles of 4 rows of WIDE vectors for kernels of one column or one row, as convolve2d.h includes them: the products of
 * its tiles in the same order. `chain`: products that are added up before the next sum begins; without `folds` all are,
 * with it there are two chains at least.
 */
#define LINES_EACH(STATEMENT)                           \
    _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) \
        _Pragma("GCC unroll 4") for (int v = 0; v < TYPED(convolve2d_WIDE); v++) STATEMENT;
#define LINES_BEFORE(r, v) (before + ((r) * TYPED(convolve2d_WIDE) + (v)) * LANES)
#define LINES_SUMS                                                                    \
    VEC sum[4][TYPED(convolve2d_WIDE)], room[folds ? 4 * TYPED(convolve2d_WIDE) : 1]; \
    T *const before = folds ? TYPED(convolve2d_kept)(room) : NULL;                    \
    LINES_EACH(sum[r][v] = V(set1)(0))
/* The first of its chains, or one more. */
#define LINES_FOLD(r, begins)                                                             \
    if (begins) {                                                                         \
        _Pragma("GCC unroll 4") for (int v = 0; v < TYPED(convolve2d_WIDE); v++)          \
            V(store)(LINES_BEFORE(r, v), sum[r][v]);                                      \
    } else                                                                                \
        _Pragma("GCC unroll 4") for (int v = 0; v < TYPED(convolve2d_WIDE); v++)          \
            V(store)(LINES_BEFORE(r, v), V(add)(V(load)(LINES_BEFORE(r, v)), sum[r][v])); \
    _Pragma("GCC unroll 4") for (int v = 0; v < TYPED(convolve2d_WIDE); v++) sum[r][v] = V(set1)(0);
#define LINES_STORE                                                               \
    if (folds)                                                                    \
        LINES_EACH(sum[r][v] = V(add)(V(load)(LINES_BEFORE(r, v)), sum[r][v]))    \
    if (how & TYPED(convolve2d_STREAMS))                                          \
        LINES_EACH(V(stream)(out + (size_t)r * out_pitch + v * LANES, sum[r][v])) \
    else                                                                          \
        LINES_EACH(V(store)(out + (size_t)r * out_pitch + v * LANES, sum[r][v]))
/* Source row i serves the tile's rows LO to HI. */
#define LINES_STEP(LO, HI)                                                           \
    {                                                                                \
        const SOURCE *x = (const SOURCE *)rows[i] + first;                           \
        VEC cells[TYPED(convolve2d_WIDE)];                                           \
        _Pragma("GCC unroll 4") for (int v = 0; v < TYPED(convolve2d_WIDE); v++)     \
            cells[v] = V(hold)(S(load)(x + v * LANES));                              \
        _Pragma("GCC unroll 4") for (int r = LO; r <= HI; r++) {                     \
            const VEC weight = V(set1)(taps[i - (size_t)r]);                         \
            _Pragma("GCC unroll 4") for (int v = 0; v < TYPED(convolve2d_WIDE); v++) \
                sum[r][v] = V(fma)(weight, cells[v], sum[r][v]);                     \
        }                                                                            \
        i++;                                                                         \
    }

/* One column of at least 3 taps, in chains of at least 4: all source rows but three at either end serve all rows. */
static inline __attribute__((always_inline)) void TYPED(convolve2d_column)(const T *taps, size_t k_h,
    const void *const *rows, size_t first, T *out, size_t out_pitch, const int folds, size_t chain, int how) {
    size_t i = 0;
    LINES_SUMS
    LINES_STEP(0, 0)
    LINES_STEP(0, 1)
    LINES_STEP(0, 2)
    for (size_t end = chain; folds && end < k_h; end += chain) {
        const int begins = end == chain;
        while (i < end)
            LINES_STEP(0, 3)
        LINES_FOLD(0, begins)
        LINES_STEP(0, 3)
        LINES_FOLD(1, begins)
        LINES_STEP(0, 3)
        LINES_FOLD(2, begins)
        LINES_STEP(0, 3)
        LINES_FOLD(3, begins)
    }
    while (i < k_h)
        LINES_STEP(0, 3)
    LINES_STEP(1, 3)
    LINES_STEP(2, 3)
    LINES_STEP(3, 3)
    LINES_STORE
}

/* One row: every source row serves its own, all four tap by tap, for as many sums to be on the way. */
static inline __attribute__((always_inline)) void TYPED(convolve2d_row)(const T *taps, size_t k_w,
    const void *const *rows, size_t first, size_t step, T *out, size_t out_pitch, const int folds, size_t chain,
    int how) {
    const SOURCE *x[4];
    LINES_SUMS
    _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) x[r] = (const SOURCE *)rows[r] + first;
    for (size_t k = 0, end; k < k_w;) {
        end = folds && k + chain < k_w ? k + chain : k_w;
        for (; k < end; k++) {
            const VEC weight = V(set1)(taps[k]);
            LINES_EACH(sum[r][v] = V(fma)(weight, S(load)(x[r] + v * LANES), sum[r][v]))
            _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) x[r] += step;
        }
        if (folds && k < k_w) {
            const int begins = k == chain;
            _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) { LINES_FOLD(r, begins) }
        }
    }
    LINES_STORE
}

#define LINES_COLUMN(NAME, FOLDS)                                                                         \
    __attribute__((noinline)) static void TYPED(NAME)(const T *taps, size_t k_h, const void *const *rows, \
        size_t first, T *out, size_t out_pitch, size_t chain, int how) {                                  \
        TYPED(convolve2d_column)(taps, k_h, rows, first, out, out_pitch, FOLDS, chain, how);              \
    }
#define LINES_ROW(NAME, FOLDS)                                                                            \
    __attribute__((noinline)) static void TYPED(NAME)(const T *taps, size_t k_w, const void *const *rows, \
        size_t first, size_t step, T *out, size_t out_pitch, size_t chain, int how) {                     \
        TYPED(convolve2d_row)(taps, k_w, rows, first, step, out, out_pitch, FOLDS, chain, how);           \
    }
LINES_COLUMN(convolve2d_whole_column, 0)
LINES_COLUMN(convolve2d_folded_column, 1)
LINES_ROW(convolve2d_whole_row, 0)
LINES_ROW(convolve2d_folded_row, 1)
#undef LINES_COLUMN
#undef LINES_ROW
#undef LINES_SUMS
#undef LINES_EACH
#undef LINES_FOLD
#undef LINES_BEFORE
#undef LINES_STORE
#undef LINES_STEP
