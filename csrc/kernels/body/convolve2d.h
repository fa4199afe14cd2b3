/* SPDX-License-Identifier: MIT */
/*
 * Direct 2-D correlation of a block: a tile of ROWS output rows x VECTORS column vectors stays in registers while its source
 * rows pass by. A source vector, loaded once, serves every output row whose window covers it; `lo` and `hi` are the first and
 * last of them, compile-time constants in each case, so that no tap outside the kernel is ever multiplied.
 * Every output adds its products in the same order, whatever the tile.
 * `step` is the distance of neighbouring taps' columns: of complex numbers each part is a column of its own.
 * Tiles are not inlined: next to their caller's variables the loop counters do not fit the registers.
 * Cells are of type SOURCE, and come as T by the words S(load) and S(load_n); unless the includer says otherwise, they are of T.
 */
#ifndef SOURCE
#define SOURCE T
#define S(word) V(word)
#endif
#define CONVOLVE2D_STEP(LO, HI, VECTORS, LOAD)                                                                        \
    case LO * 4 + HI:                                                                                                \
        for (size_t k = 0; k < k_w; k++, x += step, tap += tap_pitch) {                                              \
            VEC column[VECTORS];                                                                                     \
            _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++)                                                \
                column[v] = V(hold)(LOAD(x + v * LANES));                                                                    \
            _Pragma("GCC unroll 4") for (int r = LO; r <= HI; r++) {                                                 \
                VEC weight = V(set1)(*(tap - r));                                                                    \
                _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++)                                            \
                    sum[r][v] = V(fma)(weight, column[v], sum[r][v]);                                                \
            }                                                                                                        \
        }                                                                                                            \
        break;
#define CONVOLVE2D_STEPS_1(VECTORS, LOAD) CONVOLVE2D_STEP(0, 0, VECTORS, LOAD)
#define CONVOLVE2D_STEPS_4(VECTORS, LOAD)                                                                             \
    CONVOLVE2D_STEP(0, 0, VECTORS, LOAD) CONVOLVE2D_STEP(0, 1, VECTORS, LOAD) CONVOLVE2D_STEP(0, 2, VECTORS, LOAD)   \
    CONVOLVE2D_STEP(0, 3, VECTORS, LOAD) CONVOLVE2D_STEP(1, 1, VECTORS, LOAD) CONVOLVE2D_STEP(1, 2, VECTORS, LOAD)   \
    CONVOLVE2D_STEP(1, 3, VECTORS, LOAD) CONVOLVE2D_STEP(2, 2, VECTORS, LOAD) CONVOLVE2D_STEP(2, 3, VECTORS, LOAD)   \
    CONVOLVE2D_STEP(3, 3, VECTORS, LOAD)

#define CONVOLVE2D_TILE(NAME, ROWS, VECTORS, LOAD, STORE)                                                             \
    __attribute__((noinline)) static void TYPED(convolve2d_##NAME)(                                                  \
        const T *taps, size_t tap_pitch, size_t k_h, size_t k_w, const void *const *rows, size_t first, size_t step, \
        size_t n, T *out, size_t out_pitch, int streams) {                                                           \
        VEC sum[ROWS][VECTORS];                                                                                      \
        (void)n;                                                                                                     \
        (void)streams;                                                                                               \
        _Pragma("GCC unroll 4") for (int r = 0; r < ROWS; r++)                                                       \
            _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++)                                                \
                sum[r][v] = V(set1)(0);                                                                              \
        for (size_t s = 0; s < k_h + ROWS - 1; s++) {                                                                \
            const SOURCE *x = (const SOURCE *)rows[s] + first;                                                       \
            const T *tap = taps + s;                                                \
            size_t lo = s < k_h ? 0 : s - k_h + 1, hi = s < ROWS ? s : ROWS - 1;                                     \
            switch (lo * 4 + hi) { CONVOLVE2D_STEPS_##ROWS(VECTORS, LOAD) }                                          \
        }                                                                                                            \
        _Pragma("GCC unroll 4") for (int r = 0; r < ROWS; r++)                                                       \
            _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++)                                                \
                STORE(out + (size_t)r * out_pitch + v * LANES, sum[r][v]);                                           \
    }

/*
 * 3 vectors are what 16 registers hold: 12 sums, 3 columns, a weight. Of 32, more than 4 gain nothing: measured, float32.
 * Both widths are whole complex numbers, even where a vector has one lane.
 */
enum {
    TYPED(convolve2d_WIDE) = LANES < 2 ? 2 : sizeof(VEC) > sizeof(vf32) ? VEC_REGISTERS / 16 : VEC_REGISTERS < 32 ? 3 : 4,
    TYPED(convolve2d_NARROW) = LANES < 2 ? 2 : 1
};
#define CONVOLVE2D_LOAD_N(p) S(load_n)(p, n)
#define CONVOLVE2D_STORE_N(p, v) V(store_n)(p, v, n)
#define CONVOLVE2D_STORE(p, v) (streams ? V(stream)(p, v) : V(store)(p, v))
CONVOLVE2D_TILE(wide_4, 4, TYPED(convolve2d_WIDE), S(load), CONVOLVE2D_STORE)
CONVOLVE2D_TILE(wide_1, 1, TYPED(convolve2d_WIDE), S(load), CONVOLVE2D_STORE)
CONVOLVE2D_TILE(narrow_4, 4, TYPED(convolve2d_NARROW), S(load), V(store))
CONVOLVE2D_TILE(narrow_1, 1, TYPED(convolve2d_NARROW), S(load), V(store))
CONVOLVE2D_TILE(masked_4, 4, 1, CONVOLVE2D_LOAD_N, CONVOLVE2D_STORE_N)
CONVOLVE2D_TILE(masked_1, 1, 1, CONVOLVE2D_LOAD_N, CONVOLVE2D_STORE_N)
#undef CONVOLVE2D_LOAD_N
#undef CONVOLVE2D_STORE_N
#undef CONVOLVE2D_STORE
#undef CONVOLVE2D_TILE
#undef CONVOLVE2D_STEPS_4
#undef CONVOLVE2D_STEPS_1
#undef CONVOLVE2D_STEP

/* One tile of 4 or 1 rows and a width that TYPED(convolve2d_width) gave. */
static void TYPED(convolve2d_tile)(const T *taps, size_t tap_pitch, size_t k_h, size_t k_w, const void *const *rows,
                                   size_t n_rows, size_t first, size_t step, size_t width, T *out, size_t out_pitch, int streams) {
#define CONVOLVE2D_RUN(NAME)                                                                                          \
    (n_rows == 4 ? TYPED(convolve2d_##NAME##_4)(taps, tap_pitch, k_h, k_w, rows, first, step, width, out, out_pitch, streams) \
                 : TYPED(convolve2d_##NAME##_1)(taps, tap_pitch, k_h, k_w, rows, first, step, width, out, out_pitch, streams))
    if (width == TYPED(convolve2d_WIDE) * LANES)
        CONVOLVE2D_RUN(wide);
    else if (width == TYPED(convolve2d_NARROW) * LANES)
        CONVOLVE2D_RUN(narrow);
    else
        CONVOLVE2D_RUN(masked);
#undef CONVOLVE2D_RUN
}

/* The same tile as a sum of partial sums of at most 512 products, which keeps float32 within 1e-6 for kernels of any size. */
static void TYPED(convolve2d_parts)(const T *taps, size_t k_h, size_t k_w, const void *const *rows, size_t n_rows,
                                    size_t first, size_t step, size_t width, T *out, size_t out_pitch) {
    const size_t most_w = k_w < 512 ? k_w : 512, most_h = 512 / most_w;
    T sum[4 * TYPED(convolve2d_WIDE) * LANES] = {0}, part[4 * TYPED(convolve2d_WIDE) * LANES];
    for (size_t j = 0; j < k_h; j += most_h)
        for (size_t k = 0; k < k_w; k += most_w) {
            size_t part_h = k_h - j < most_h ? k_h - j : most_h, part_w = k_w - k < most_w ? k_w - k : most_w;
            TYPED(convolve2d_tile)(taps + k * k_h + j, k_h, part_h, part_w, rows + j, n_rows, first + k * step, step, width,
                                   part, width, 0);
            for (size_t i = 0; i < n_rows * width; i++)
                sum[i] += part[i];
        }
    for (size_t r = 0; r < n_rows; r++)
        memcpy(out + r * out_pitch, sum + r * width, width * sizeof(T));
}

static inline void TYPED(convolve2d_any)(const T *taps, size_t k_h, size_t k_w, const void *const *rows, size_t n_rows,
                                         size_t first, size_t step, size_t width, T *out, size_t out_pitch, int streams) {
    const int integral = (T)0.5 == 0;
    if (integral || k_h * k_w <= 512)
        TYPED(convolve2d_tile)(taps, k_h, k_h, k_w, rows, n_rows, first, step, width, out, out_pitch, streams);
    else
        TYPED(convolve2d_parts)(taps, k_h, k_w, rows, n_rows, first, step, width, out, out_pitch);
}

/*
 * Columns of the tile at *first of `total`. A last tile that would be cut short moves back over columns already done,
 * which then get the same bits again: cheaper than masks.
 */
static inline size_t TYPED(convolve2d_width)(size_t *first, size_t total) {
    const size_t wide = TYPED(convolve2d_WIDE) * LANES, narrow = TYPED(convolve2d_NARROW) * LANES;
    size_t left = total - *first, width = left > narrow && total >= wide ? wide : narrow;
    if (left >= width)
        return width;
    if (total < narrow)
        return left < LANES ? left : LANES;
    *first = total - width;
    return width;
}

/* A line written partly past the caches and partly not would cost several times a plain store. */
static void TYPED(convolve2d)(const fc_convolve2d_block *b) {
    enum { LINE = 64 / sizeof(T), SOURCE_LINE = 64 / sizeof(SOURCE) };
    for (size_t r = 0, n; r < b->n_rows; r += n) {
        n = b->n_rows - r < 4 ? 1 : 4;
        const size_t rest = b->n_rows + b->ahead - r - n, ahead = rest < 4 ? rest : 4;
        for (size_t first = 0, width; first < b->n_cols; first += width) {
            width = TYPED(convolve2d_width)(&first, b->n_cols);
            for (size_t i = 0; i < ahead; i++)
                for (size_t at = 0; at < width; at += SOURCE_LINE)
                    __builtin_prefetch((const SOURCE *)b->rows[r + n + b->k_h - 1 + i] + first + at, 0, 2);
            T *out = (T *)b->out + r * b->out_pitch + first;
            TYPED(convolve2d_any)(b->taps, b->k_h, b->k_w, b->rows + r, n, first, b->step, width, out, b->out_pitch,
                                  b->streams && (uintptr_t)out % 64 == 0 && b->out_pitch % LINE == 0 && width % LINE == 0);
        }
    }
}
#undef SOURCE
#undef S
