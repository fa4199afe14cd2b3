/* SPDX-License-Identifier: MIT */
/*
 * Pooling of a row of windows. Lanes are the channels of one window or, where there is one channel, the windows
 * themselves: `lane_step` elements of x apart. Cells are met in row-major order.
 * The maximum: NaN wins in the result. For the gradient it is the first cell that no later one exceeds; comparisons with
 * NaN are false, so a NaN takes the gradient only as the first cell (as in TensorFlow).
 */
#define ALWAYS static inline __attribute__((always_inline))

/* p[i * step] for i < n <= LANES, the other lanes 0 */
ALWAYS VEC V(load_step)(const T *p, size_t step, size_t n) {
    if (step == 1)
        return __builtin_constant_p(n) && n == LANES ? V(load)(p) : V(load_n)(p, n);
    T lanes[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lanes[i] = p[i * step];
    return V(load)(lanes);
}

ALWAYS void V(add_step)(T *p, size_t step, size_t n, VEC v) {
    if (step == 1 && __builtin_constant_p(n) && n == LANES)
        V(store)(p, V(add)(V(load)(p), v));
    else if (step == 1)
        V(store_n)(p, V(add)(V(load_n)(p, n), v), n);
    else {
        T lanes[LANES];
        V(store)(lanes, v);
        for (size_t i = 0; i < n; i++)
            p[i * step] += lanes[i];
    }
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

/* from: dy, to: dx at row grad_begin of the window */
ALWAYS void V(max_grad_window)(const fc_pool_span *s, size_t lane_step, size_t n, const T *x, const T *from, T *to) {
    VEC zero = V(set1)(0), best = V(load_step)(x, lane_step, n), rest = V(load_step)(from, 1, n);
    MASK hit = V(isnan)(best);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t k = 0; k < s->cols; k++)
            best = V(max)(V(load_step)(x + CELL(r, k), lane_step, n), best);
    for (size_t r = 0; r < s->grad_end; r++)
        for (size_t k = 0; k < s->cols; k++) {
            hit = M(or)(hit, V(eq)(V(load_step)(x + CELL(r, k), lane_step, n), best));
            if (r >= s->grad_begin)
                V(add_step)(to + CELL(r - s->grad_begin, k), lane_step, n, V(select)(hit, rest, zero));
            rest = V(select)(hit, zero, rest);
        }
}

ALWAYS void V(avg_grad_window)(const fc_pool_span *s, size_t lane_step, size_t n, const T *x, const T *from, T *to) {
    (void)x;
    VEC share = V(div)(V(load_step)(from, 1, n), V(set1)((T)(s->rows * s->cols)));
    for (size_t r = s->grad_begin; r < s->grad_end; r++)
        for (size_t k = 0; k < s->cols; k++)
            V(add_step)(to + CELL(r - s->grad_begin, k), lane_step, n, share);
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

/*
 * A slot from a window function. IN_X and OUT_X: 1 where `from` and `to` lie on the cells of x, 0 where on the windows.
 * The window function is inlined thrice: whole vectors of channels, their tail, and across windows.
 */
#define POOL(slot, window, IN_X, OUT_X)                                                                                \
    static void TYPED(slot)(const fc_pool_span *span, const void *x_, const void *from_, void *to_) {                  \
        const fc_pool_span copy = *span, *s = &copy;                                                                   \
        const T *x = x_, *from = from_;                                                                                \
        T *to = to_;                                                                                                   \
        if (s->channels == 1) {                                                                                        \
            for (size_t j = 0; j < s->count; j += LANES) {                                                             \
                size_t n = s->count - j < LANES ? s->count - j : LANES, cell = j * s->step;                            \
                window(s, s->step, n, x + cell, from + (IN_X ? cell : j), to + (OUT_X ? cell : j));                    \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        const size_t whole = s->channels / LANES * LANES;                                                              \
        for (size_t j = 0; j < s->count; j++) {                                                                        \
            const size_t at = j * s->channels, cell = j * s->step, in = IN_X ? cell : at, out = OUT_X ? cell : at;     \
            for (size_t c = 0; c < whole; c += LANES)                                                                  \
                window(s, 1, LANES, x + cell + c, from + in + c, to + out + c);                                        \
            if (whole < s->channels)                                                                                   \
                window(s, 1, s->channels - whole, x + cell + whole, from + in + whole, to + out + whole);              \
        }                                                                                                              \
    }
POOL(pool_max, V(max_window), 0, 0)
POOL(pool_avg, V(avg_window), 0, 0)
POOL(pool_max_grad, V(max_grad_window), 0, 1)
POOL(pool_avg_grad, V(avg_grad_window), 0, 1)
POOL(pool_max_pick, V(max_pick_window), 1, 0)
#undef POOL
#undef CELL
#undef ALWAYS
