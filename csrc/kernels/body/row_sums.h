/* SPDX-License-Identifier: MIT */
/* Sums of a matrix' rows. Groups of them are read side by side from end to end, which is what the hardware's prefetchers follow. */
#undef ROW_SUMS_GROUP
#undef ROW_SUMS_VECTORS
#define ROW_SUMS_GROUP (VEC_REGISTERS < 32 ? 4 : FC_ROW_SUMS_DEPTH)
#define ROW_SUMS_VECTORS 2

/* Rows k to k + depth, a constant, over the columns from j on, `vectors` whole ones of them or n < LANES. */
static inline __attribute__((always_inline)) void TYPED(row_sums_cols)(const fc_row_sums *g, size_t k, int depth, size_t j, int vectors, size_t n) {
    const int accumulate = g->accumulate || k;
    const T *b = (const T *)g->b + k * g->b_pitch + j;
    VEC cells[FC_ROW_SUMS_DEPTH][ROW_SUMS_VECTORS];
    _Pragma("GCC unroll 8") for (int i = 0; i < depth; i++)
        _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++)
            cells[i][v] = n ? V(load_n)(b + i * g->b_pitch, n) : V(hold)(V(load)(b + i * g->b_pitch + v * LANES));
    for (size_t r = 0; r < g->rows; r++) {
        const T *a = (const T *)g->a + r * g->a_pitch + k;
        T *c = (T *)g->c + r * g->c_pitch + j;
        VEC sums[ROW_SUMS_VECTORS];
        _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++)
            sums[v] = !accumulate ? V(set1)(0) : n ? V(load_n)(c, n) : V(load)(c + v * LANES);
        _Pragma("GCC unroll 8") for (int i = 0; i < depth; i++) {
            const VEC factor = V(set1)(a[i]);
            _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++)
                sums[v] = V(fma)(factor, cells[i][v], sums[v]);
        }
        _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++)
            if (n)
                V(store_n)(c, sums[v], n);
            else
                V(store)(c + v * LANES, sums[v]);
    }
}

static inline __attribute__((always_inline)) void TYPED(row_sums_group)(const fc_row_sums *g, size_t k, int depth) {
    size_t j = 0;
    for (; j + ROW_SUMS_VECTORS * LANES <= g->cols; j += ROW_SUMS_VECTORS * LANES)
        TYPED(row_sums_cols)(g, k, depth, j, ROW_SUMS_VECTORS, 0);
    for (; j + LANES <= g->cols; j += LANES)
        TYPED(row_sums_cols)(g, k, depth, j, 1, 0);
    if (j < g->cols)
        TYPED(row_sums_cols)(g, k, depth, j, 1, g->cols - j);
}

static void TYPED(row_sums)(const fc_row_sums *g) {
    size_t k = 0;
    for (; k + ROW_SUMS_GROUP <= g->depth; k += ROW_SUMS_GROUP)
        TYPED(row_sums_group)(g, k, ROW_SUMS_GROUP);
    for (; k < g->depth; k++)
        TYPED(row_sums_group)(g, k, 1);
}
