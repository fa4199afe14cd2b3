/* SPDX-License-Identifier: MIT */
/* What happens to a finished tile: bias, or addition to a wide accumulator. Tile columns are whole vectors. */
static void TYPED(bias_rows)(void *tile_, size_t pitch, size_t rows, size_t cols, const void *bias_) {
    T *tile = tile_;
    const ANY *bias = bias_;
    for (size_t r = 0; r < rows; r++) {
        VEC b = V(set1)(bias[r]);
        for (size_t j = 0; j < cols; j += LANES)
            V(store)(tile + r * pitch + j, V(add)(V(load)(tile + r * pitch + j), b));
    }
}

static void TYPED(bias_cols)(void *tile_, size_t pitch, size_t rows, size_t cols, const void *bias_) {
    T *tile = tile_;
    const T *bias = bias_;
    for (size_t j = 0; j < cols; j += LANES) {
        VEC b = V(load)(bias + j);
        for (size_t r = 0; r < rows; r++)
            V(store)(tile + r * pitch + j, V(add)(V(load)(tile + r * pitch + j), b));
    }
}

static void TYPED(accumulate)(const void *x_, double *sum, size_t n) {
    const ANY *x = x_;
    for (size_t i = 0; i < n; i++)
        sum[i] += (double)x[i];
}
