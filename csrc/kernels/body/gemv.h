/* SPDX-License-Identifier: MIT */
/* Sums of a matrix' rows. Groups of them are read side by side from end to end, which is what the hardware's
 * prefetchers follow. */
#undef GEMV_GROUP
#undef GEMV_VECTORS
#undef GEMV_HEIGHT
#undef GEMV_LOW
#define GEMV_GROUP (VEC_REGISTERS < 32 ? 4 : FC_GEMV_DEPTH)
#define GEMV_VECTORS 2
#define GEMV_HEIGHT (VEC_REGISTERS < 32 ? 2 : 4)
#define GEMV_LOW 2

/* Where a step is: rows [k, k + depth) of b over the columns from j on, `vectors` whole ones of them or n < LANES; all
 * but j and n are constants. */
typedef struct TYPED(gemv_step) {
    size_t k, j, n;
    int depth, vectors;
} TYPED(gemv_step);

/* `height` rows of c from r on: side by side their chains of additions hide each other's latency. */
static inline __attribute__((always_inline)) void TYPED(gemv_rows)(
    const fc_gemv *g, const TYPED(gemv_step) * s, VEC (*cells)[GEMV_VECTORS], size_t r, int height) {
    const int accumulate = g->accumulate || s->k;
    const ANY *a = (const ANY *)g->a + r * g->a_pitch + s->k;
    T *c = (T *)g->c + r * g->c_pitch + s->j;
    VEC sums[GEMV_HEIGHT][GEMV_VECTORS];
    _Pragma("GCC unroll 4") for (int h = 0; h < height; h++)
        _Pragma("GCC unroll 2") for (int v = 0; v < s->vectors; v++) {
        const T *from = c + (size_t)h * g->c_pitch + v * LANES;
        sums[h][v] = !accumulate ? V(set1)(0) : s->n ? V(load_n)(from, s->n) : V(load)(from);
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < s->depth; i++)
        _Pragma("GCC unroll 4") for (int h = 0; h < height; h++) {
        const VEC factor = V(set1)(a[(size_t)h * g->a_pitch + i]);
        _Pragma("GCC unroll 2") for (int v = 0; v < s->vectors; v++)
            sums[h][v] = V(fma)(factor, cells[i][v], sums[h][v]);
    }
    _Pragma("GCC unroll 4") for (int h = 0; h < height; h++) _Pragma("GCC unroll 2") for (int v = 0; v < s->vectors;
        v++) if (s->n) V(store_n)(c + (size_t)h * g->c_pitch, sums[h][v], s->n);
    else V(store)(c + (size_t)h * g->c_pitch + v * LANES, sums[h][v]);
}

static inline __attribute__((always_inline)) void TYPED(gemv_cols)(
    const fc_gemv *g, size_t k, int depth, size_t j, int vectors, size_t n) {
    const TYPED(gemv_step) step = {k, j, n, depth, vectors};
    const T *b = (const T *)g->b + k * g->b_pitch + j;
    VEC cells[FC_GEMV_DEPTH][GEMV_VECTORS];
    _Pragma("GCC unroll 8") for (int i = 0; i < depth; i++) _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++)
        cells[i][v] = n ? V(load_n)(b + i * g->b_pitch, n) : V(hold)(V(load)(b + i * g->b_pitch + v * LANES));
    size_t r = 0;
    for (; r + GEMV_HEIGHT <= g->rows; r += GEMV_HEIGHT)
        TYPED(gemv_rows)(g, &step, cells, r, GEMV_HEIGHT);
    for (; r < g->rows; r++)
        TYPED(gemv_rows)(g, &step, cells, r, 1);
}

/* Asks for what is read some steps after column j of rows [k, k + depth): past their ends the rows that follow. */
static inline __attribute__((always_inline)) void TYPED(gemv_ask)(const fc_gemv *g, size_t k, int depth, size_t j) {
    enum { LINE = 64 / sizeof(T), AHEAD = 8 * LINE };
    const T *b = (const T *)g->b + k * g->b_pitch + j + AHEAD;
    if (j + AHEAD >= g->cols) {
        if (j + AHEAD >= 2 * g->cols || k + 2 * (size_t)depth > g->depth)
            return;
        b += (size_t)depth * g->b_pitch - g->cols;
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < depth; i++) _Pragma("GCC unroll 2") for (size_t at = 0;
        at < GEMV_VECTORS * LANES; at += LINE) __builtin_prefetch(b + i * g->b_pitch + at, 0, 0);
}

/*
 * All of c's rows, up to GEMV_LOW, as far as whole vectors go; the columns done. So few instructions for each line
 * of b that the processor looks far enough ahead to wait for many lines at a time.
 */
static inline __attribute__((always_inline)) size_t TYPED(gemv_low)(const fc_gemv *g, size_t k, int depth, int height) {
    const int accumulate = g->accumulate || k;
    T *c = (T *)g->c;
    VEC factors[GEMV_LOW][FC_GEMV_DEPTH];
    const T *rows[FC_GEMV_DEPTH];
    _Pragma("GCC unroll 8") for (int i = 0; i < depth; i++) {
        rows[i] = (const T *)g->b + (k + i) * g->b_pitch;
        _Pragma("GCC unroll 2") for (int h = 0; h < height; h++)
            factors[h][i] = V(set1)(((const ANY *)g->a)[h * g->a_pitch + k + i]);
    }
    size_t j = 0;
    for (; j + GEMV_VECTORS * LANES <= g->cols; j += GEMV_VECTORS * LANES) {
        VEC sums[GEMV_LOW][GEMV_VECTORS];
        _Pragma("GCC unroll 2") for (int h = 0; h < height; h++) _Pragma("GCC unroll 2") for (int v = 0;
            v < GEMV_VECTORS; v++) sums[h][v] = accumulate ? V(load)(c + h * g->c_pitch + j + v * LANES) : V(set1)(0);
        _Pragma("GCC unroll 8") for (int i = 0; i < depth; i++)
            _Pragma("GCC unroll 2") for (int v = 0; v < GEMV_VECTORS; v++) {
            const VEC cell = V(load)(rows[i] + j + v * LANES);
            _Pragma("GCC unroll 2") for (int h = 0; h < height; h++)
                sums[h][v] = V(fma)(factors[h][i], cell, sums[h][v]);
        }
        _Pragma("GCC unroll 2") for (int h = 0; h < height; h++) _Pragma("GCC unroll 2") for (int v = 0;
            v < GEMV_VECTORS; v++) V(store)(c + h * g->c_pitch + j + v * LANES, sums[h][v]);
    }
    return j;
}

static inline __attribute__((always_inline)) void TYPED(gemv_group)(const fc_gemv *g, size_t k, int depth) {
    size_t j = g->rows == 1 ? TYPED(gemv_low)(g, k, depth, 1) : g->rows == 2 ? TYPED(gemv_low)(g, k, depth, 2) : 0;
    for (; j + GEMV_VECTORS * LANES <= g->cols; j += GEMV_VECTORS * LANES) {
        if (g->b_far)
            TYPED(gemv_ask)(g, k, depth, j);
        TYPED(gemv_cols)(g, k, depth, j, GEMV_VECTORS, 0);
    }
    for (; j + LANES <= g->cols; j += LANES)
        TYPED(gemv_cols)(g, k, depth, j, 1, 0);
    if (j < g->cols)
        TYPED(gemv_cols)(g, k, depth, j, 1, g->cols - j);
}

static void TYPED(gemv)(const fc_gemv *g) {
    size_t k = 0;
    for (; k + GEMV_GROUP <= g->depth; k += GEMV_GROUP)
        TYPED(gemv_group)(g, k, GEMV_GROUP);
    for (; k < g->depth; k++)
        TYPED(gemv_group)(g, k, 1);
}
