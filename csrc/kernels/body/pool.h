/* SPDX-License-Identifier: MIT */
/*
 * Pooling of rows of windows; its gradients are in pool_grad.h. Lanes are the channels of one window or, where there is
 * one channel, the windows themselves: `lane_step` elements of x apart. Cells are met in row-major order.
 * The maximum: NaN wins in the result. For the gradient it is the first cell that no later one exceeds; comparisons
 * with NaN are false, so a NaN takes the gradient only as the first cell (as in TensorFlow).
 */
#define ALWAYS static inline __attribute__((always_inline))

ALWAYS VEC V(load_first)(const T *p, size_t n) { return n == LANES ? V(load)(p) : V(load_n)(p, n); }

/* p[i * step] for i < n <= LANES, the other lanes 0 */
ALWAYS VEC V(load_step)(const T *p, size_t step, size_t n) {
    if (step == 1)
        return V(load_first)(p, n);
    if (step == 2) {
        if (n == LANES)
            return V(even)(V(load)(p), V(load_n)(p + LANES, LANES - 1));
        const size_t all = 2 * n - 1;
        return all > LANES ? V(even)(V(load)(p), V(load_n)(p + LANES, all - LANES))
                           : V(even)(V(load_n)(p, all), V(set1)(0));
    }
    T lanes[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        memcpy(lanes + i, p + i * step, sizeof *lanes);
    return V(load)(lanes);
}

/* Of the cells (r, k) at x + r * row_pitch + k * col_pitch, whose lanes are lane_step apart: some vectors side by side,
 * for each a chain. */
#define EACH_VECTOR(i) _Pragma("GCC unroll 4") for (size_t i = 0; i < vectors; i++)
ALWAYS void V(highest)(const T *x, size_t rows, size_t row_pitch, size_t cols, size_t col_pitch, size_t lane_step,
    size_t n, size_t vectors, VEC *best) {
    MASK bad[4];
    EACH_VECTOR(i) {
        best[i] = V(load_step)(x + i * LANES, lane_step, n);
        bad[i] = V(isnan)(best[i]);
    }
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++)
        _Pragma("GCC unroll 4") for (size_t k = r ? 0 : 1; k < cols; k++) EACH_VECTOR(i) {
        const VEC cell = V(load_step)(x + r * row_pitch + k * col_pitch + i * LANES, lane_step, n);
        bad[i] = M(or)(bad[i], V(isnan)(cell));
        best[i] = V(max)(cell, best[i]);
    }
    EACH_VECTOR(i)
    best[i] = V(select)(bad[i], V(set1)((T)__builtin_nan("")), best[i]);
}

/* Of many cells, added up in runs, a few of which make a block. */
ALWAYS void V(total_of_many)(const T *x, size_t rows, size_t row_pitch, size_t cols, size_t col_pitch, size_t lane_step,
    size_t n, size_t vectors, VEC *total) {
    V(long_sum) sums[4];
    VEC part[4];
    size_t runs = 0;
    EACH_VECTOR(i) {
        sums[i] = V(long_sum_start)();
        part[i] = V(set1)(0);
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t begin = 0, end; begin < cols; begin = end) {
            const T *cell = x + r * row_pitch + begin * col_pitch;
            VEC run[4];
            end = cols - begin < 2 * SUM_BLOCK ? cols : begin + SUM_BLOCK;
            EACH_VECTOR(i)
            run[i] = V(load_step)(cell + i * LANES, lane_step, n);
            for (size_t k = 1; k < end - begin; k++)
                EACH_VECTOR(i)
            run[i] = V(add)(run[i], V(load_step)(cell + k * col_pitch + i * LANES, lane_step, n));
            EACH_VECTOR(i)
            part[i] = V(add)(part[i], run[i]);
            if (++runs % SUM_BLOCK && !(end == cols && r + 1 == rows))
                continue;
            EACH_VECTOR(i) {
                V(long_sum_add)(&sums[i], part[i]);
                part[i] = V(set1)(0);
            }
        }
    EACH_VECTOR(i)
    total[i] = V(long_sum_value)(sums[i]);
}

ALWAYS void V(total)(const T *x, size_t rows, size_t row_pitch, size_t cols, size_t col_pitch, size_t lane_step,
    size_t n, size_t vectors, VEC *total) {
    enum { PLAIN = 10 }; /* rows and columns whose sums are added plainly */
    if (rows + cols > PLAIN) {
        V(total_of_many)(x, rows, row_pitch, cols, col_pitch, lane_step, n, vectors, total);
        return;
    }
    EACH_VECTOR(i)
    total[i] = V(set1)(0);
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++) {
        VEC sum[4];
        EACH_VECTOR(i)
        sum[i] = V(load_step)(x + r * row_pitch + i * LANES, lane_step, n);
        _Pragma("GCC unroll 4") for (size_t k = 1; k < cols; k++) EACH_VECTOR(i)
            sum[i] = V(add)(sum[i], V(load_step)(x + r * row_pitch + k * col_pitch + i * LANES, lane_step, n));
        EACH_VECTOR(i)
        total[i] = r ? V(add)(total[i], sum[i]) : sum[i];
    }
}
#undef EACH_VECTOR

ALWAYS VEC V(as_it_is)(VEC v, VEC cells) {
    (void)cells;
    return v;
}

/*
 * A slot from the reduction of a window's cells and what is done to its result. The sizes of the usual windows are
 * constants to the compiler. The last vector of channels ends with them and shares lanes with the one before.
 */
#define POOL(slot, reduce, finish)                                                                                 \
    ALWAYS VEC V(slot##_one)(const fc_pool_span *s, size_t rows, size_t cols, size_t step, size_t n, const T *x) { \
        VEC v;                                                                                                     \
        reduce(x, rows, s->row_pitch, cols, s->channels, step, n, 1, &v);                                          \
        return finish(v, V(set1)((T)(rows * cols)));                                                               \
    }                                                                                                              \
    /* Long chains of additions or comparisons: four vectors at once. The channels done. */                        \
    ALWAYS size_t V(slot##_four)(const fc_pool_span *s, const T *x, T *y) {                                        \
        size_t at = 0;                                                                                             \
        for (; at + 4 * LANES <= s->channels; at += 4 * LANES) {                                                   \
            VEC v[4];                                                                                              \
            reduce(x + at, s->rows, s->row_pitch, s->cols, s->channels, 1, LANES, 4, v);                           \
            for (size_t i = 0; i < 4; i++)                                                                         \
                V(store)(y + at + i * LANES, finish(v[i], V(set1)((T)(s->rows * s->cols))));                       \
        }                                                                                                          \
        return at;                                                                                                 \
    }                                                                                                              \
    ALWAYS void V(slot##_wide)(const fc_pool_span *s, size_t rows, size_t cols, int large, const T *x, T *to) {    \
        const size_t c = s->channels, n = c < LANES ? c : LANES;                                                   \
        for (size_t line = 0; line < s->lines; line++)                                                             \
            for (size_t j = 0; j < s->count; j++) {                                                                \
                const T *window = x + line * s->x_line + j * s->step;                                              \
                T *y = to + line * s->window_line + j * c;                                                         \
                if (n < LANES)                                                                                     \
                    V(store_n)(y, V(slot##_one)(s, rows, cols, 1, n, window), n);                                  \
                else                                                                                               \
                    for (size_t i = large ? V(slot##_four)(s, window, y) : 0; i < c; i += LANES) {                 \
                        const size_t at = i + LANES > c ? c - LANES : i;                                           \
                        V(store)(y + at, V(slot##_one)(s, rows, cols, 1, LANES, window + at));                     \
                    }                                                                                              \
            }                                                                                                      \
    }                                                                                                              \
    ALWAYS void V(slot##_lanes)(const fc_pool_span *s, size_t rows, size_t cols, size_t step, const T *x, T *to) { \
        size_t j = 0;                                                                                              \
        for (; j + LANES <= s->count; j += LANES)                                                                  \
            V(store)(to + j, V(slot##_one)(s, rows, cols, step, LANES, x + j * step));                             \
        if (j < s->count)                                                                                          \
            V(store_n)(to + j, V(slot##_one)(s, rows, cols, step, s->count - j, x + j * step), s->count - j);      \
    }                                                                                                              \
    static void V(slot##_across)(const fc_pool_span *s, const T *x, T *to) {                                       \
        for (size_t line = 0; line < s->lines; line++, x += s->x_line, to += s->window_line)                       \
            if (s->step == 2 && s->rows == 2 && s->cols == 2)                                                      \
                V(slot##_lanes)(s, 2, 2, 2, x, to);                                                                \
            else if (s->step == 2)                                                                                 \
                V(slot##_lanes)(s, s->rows, s->cols, 2, x, to);                                                    \
            else if (s->step == 1)                                                                                 \
                V(slot##_lanes)(s, s->rows, s->cols, 1, x, to);                                                    \
            else                                                                                                   \
                V(slot##_lanes)(s, s->rows, s->cols, s->step, x, to);                                              \
    }                                                                                                              \
    static void TYPED(slot)(const fc_pool_span *span, const void *x, const void *from, void *to) {                 \
        const fc_pool_span copy = *span, *s = &copy;                                                               \
        (void)from;                                                                                                \
        if (s->channels == 1)                                                                                      \
            V(slot##_across)(s, x, to);                                                                            \
        else if (s->rows == 2 && s->cols == 2)                                                                     \
            V(slot##_wide)(s, 2, 2, 0, x, to);                                                                     \
        else if (s->rows == 3 && s->cols == 3)                                                                     \
            V(slot##_wide)(s, 3, 3, 0, x, to);                                                                     \
        else                                                                                                       \
            V(slot##_wide)(s, s->rows, s->cols, 1, x, to);                                                         \
    }
POOL(pool_max, V(highest), V(as_it_is))
POOL(pool_avg, V(total), V(div))
#undef POOL

#define CELL(r, k) ((r) * s->row_pitch + (k) * s->col_pitch)

/* Windows of n lanes, lane_step apart: to = the element of from where x has its first maximum. */
ALWAYS void V(max_pick_window)(const fc_pool_span *s, size_t lane_step, size_t n, const T *x, const T *from, T *to) {
    VEC best = V(load_step)(x, lane_step, n), picked = V(load_step)(from, lane_step, n);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t k = 0; k < s->cols; k++) {
            const VEC cell = V(load_step)(x + CELL(r, k), lane_step, n);
            const MASK higher = V(lt)(best, cell);
            best = V(select)(higher, cell, best);
            picked = V(select)(higher, V(load_step)(from + CELL(r, k), lane_step, n), picked);
        }
    V(store_n)(to, picked, n);
}

static void TYPED(pool_max_pick)(const fc_pool_span *span, const void *x_, const void *from_, void *to_) {
    const fc_pool_span copy = *span, *s = &copy;
    const size_t windows = s->channels == 1 ? LANES : 1;
    for (size_t line = 0; line < s->lines; line++)
        for (size_t j = 0; j < s->count; j += windows) {
            const size_t in = line * s->x_line + j * s->step, left = s->count - j;
            const T *x = (const T *)x_ + in, *from = (const T *)from_ + in;
            T *to = (T *)to_ + line * s->window_line + j * s->channels;
            if (s->channels == 1)
                V(max_pick_window)(s, s->step, left < LANES ? left : LANES, x, from, to);
            else
                for (size_t c = 0; c < s->channels; c += LANES)
                    V(max_pick_window)(
                        s, 1, s->channels - c < LANES ? s->channels - c : LANES, x + c, from + c, to + c);
        }
}
