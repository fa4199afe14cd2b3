/* SPDX-License-Identifier: MIT */
/*
 * Pooling of a row of windows; its gradients are in pool_grad.h. Lanes are the channels of one window or, where there is
 * one channel, the windows themselves: `lane_step` elements of x apart. Cells are met in row-major order.
 * The maximum: NaN wins in the result. For the gradient it is the first cell that no later one exceeds; comparisons with
 * NaN are false, so a NaN takes the gradient only as the first cell (as in TensorFlow).
 */
#define ALWAYS static inline __attribute__((always_inline))

/* p[i * step] for i < n <= LANES, the other lanes 0 */
ALWAYS VEC V(load_step)(const T *p, size_t step, size_t n) {
    if (step == 1)
        return n == LANES ? V(load)(p) : V(load_n)(p, n);
    if (step == 2) {
        if (n == LANES)
            return V(even)(V(load)(p), V(load_n)(p + LANES, LANES - 1));
        const size_t all = 2 * n - 1;
        return all > LANES ? V(even)(V(load)(p), V(load_n)(p + LANES, all - LANES)) : V(even)(V(load_n)(p, all), V(set1)(0));
    }
    T lanes[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        memcpy(lanes + i, p + i * step, sizeof *lanes);
    return V(load)(lanes);
}

#define CELL(r, k) ((r) * s->row_pitch + (k) * s->col_pitch)

ALWAYS void V(max_window)(const fc_pool_span *s, size_t lane_step, size_t n, const T *x, const T *from, T *to) {
    (void)from;
    VEC best = V(load_step)(x, lane_step, n);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t k = 0; k < s->cols; k++) {
            VEC cell = V(load_step)(x + CELL(r, k), lane_step, n);
            best = V(select)(V(isnan)(cell), cell, V(max)(cell, best));
        }
    V(store_n)(to, best, n);
}

/* Row by row, so that the error of a big window grows with its sides, not with its area. */
ALWAYS void V(avg_window)(const fc_pool_span *s, size_t lane_step, size_t n, const T *x, const T *from, T *to) {
    (void)from;
    VEC total = V(set1)(0);
    for (size_t r = 0; r < s->rows; r++) {
        VEC sum = V(load_step)(x + CELL(r, 0), lane_step, n);
        for (size_t k = 1; k < s->cols; k++)
            sum = V(add)(sum, V(load_step)(x + CELL(r, k), lane_step, n));
        total = r ? V(add)(total, sum) : sum;
    }
    V(store_n)(to, V(div)(total, V(set1)((T)(s->rows * s->cols))), n);
}

/* from: ddx at the window, to: ddy */
ALWAYS void V(max_pick_window)(const fc_pool_span *s, size_t lane_step, size_t n, const T *x, const T *from, T *to) {
    VEC best = V(load_step)(x, lane_step, n), picked = V(load_step)(from, lane_step, n);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t k = 0; k < s->cols; k++) {
            VEC cell = V(load_step)(x + CELL(r, k), lane_step, n);
            MASK higher = V(lt)(best, cell);
            best = V(select)(higher, cell, best);
            picked = V(select)(higher, V(load_step)(from + CELL(r, k), lane_step, n), picked);
        }
    V(store_n)(to, picked, n);
}

/* Windows j on, a vector of them at a time, with `lane_step` and `n` constants where the compiler can use them. */
#define ACROSS(window, lane_step, n, IN_X)                                                                             \
    window(s, lane_step, n, x + j * s->step, from + (IN_X ? j * s->step : j), to + j)

/*
 * A slot from a window function. IN_X: 1 where `from` lies on the cells of x, 0 where on the windows as `to` does.
 * The window function is inlined for whole vectors and tails of channels, and across windows for the strides 1, 2, any.
 */
#define POOL(slot, window, IN_X)                                                                                       \
    static void TYPED(slot)(const fc_pool_span *span, const void *x_, const void *from_, void *to_) {                  \
        const fc_pool_span copy = *span, *s = &copy;                                                                   \
        const T *x = x_, *from = from_ ? from_ : x_;   /* without a gradient there is no from */                       \
        T *to = to_;                                                                                                   \
        size_t j = 0;                                                                                                  \
        if (s->channels == 1) {                                                                                        \
            if (s->step == 1)                                                                                          \
                for (; j + LANES <= s->count; j += LANES)                                                              \
                    ACROSS(window, 1, LANES, IN_X);                                                                    \
            else if (s->step == 2)                                                                                     \
                for (; j + LANES <= s->count; j += LANES)                                                              \
                    ACROSS(window, 2, LANES, IN_X);                                                                    \
            for (; j < s->count; j += LANES)                                                                           \
                ACROSS(window, s->step, (s->count - j < LANES ? s->count - j : LANES), IN_X);                          \
            return;                                                                                                    \
        }                                                                                                              \
        const size_t tail = s->channels % LANES, whole = s->channels - tail;                                           \
        for (; j < s->count; j++) {                                                                                    \
            const size_t at = j * s->channels, cell = j * s->step, in = IN_X ? cell : at;                              \
            for (size_t c = 0; c < whole; c += LANES)                                                                  \
                window(s, 1, LANES, x + cell + c, from + in + c, to + at + c);                                         \
            if (tail)                                                                                                  \
                window(s, 1, tail, x + cell + whole, from + in + whole, to + at + whole);                              \
        }                                                                                                              \
    }
POOL(pool_max, V(max_window), 0)
POOL(pool_avg, V(avg_window), 0)
POOL(pool_max_pick, V(max_pick_window), 1)
#undef POOL
#undef ACROSS
