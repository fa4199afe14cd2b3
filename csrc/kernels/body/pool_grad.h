/* SPDX-License-Identifier: MIT */
/*
 * Gradients of pooling, on the words of pool.h. from: dy, to: dx at row grad_begin of the window. Across windows a chunk
 * of them is taken cell by cell, and with step 2 a pair of cells at a time: a vector of dx just stored is not loaded
 * again, shifted, before it is in cache.
 */
enum { V(CHUNK) = 16 };

/* p[i] += v[i] for i < n <= LANES */
ALWAYS void V(add_to)(T *p, size_t n, VEC v) {
    if (n == LANES)
        V(store)(p, V(add)(V(load)(p), v));
    else
        V(store_n)(p, V(add)(V(load_n)(p, n), v), n);
}

/* p[2 * i] += even[i] and p[2 * i + 1] += odd[i], in the first `all` elements of p */
ALWAYS void V(add_pairs)(T *p, size_t all, VEC even, VEC odd) {
    V(add_to)(p, all < LANES ? all : LANES, V(zip_low)(even, odd));
    if (all > LANES)
        V(add_to)(p + LANES, all - LANES, V(zip_high)(even, odd));
}

/* p[i * step] += v[i] for i < n <= LANES; with step 2 the elements between get 0 added. */
ALWAYS void V(add_step)(T *p, size_t step, size_t n, VEC v) {
    if (step == 1) {
        V(add_to)(p, n, v);
    } else if (step == 2) {
        V(add_pairs)(p, 2 * n - 1, v, V(set1)(0));
    } else {
        T lanes[LANES];
        V(store)(lanes, v);
        for (size_t i = 0; i < n; i++) {
            T sum;
            memcpy(&sum, p + i * step, sizeof sum);
            sum += lanes[i];
            memcpy(p + i * step, &sum, sizeof sum);
        }
    }
}

/* What cell x of a window gives to its dx; `rest` is its dy until a cell has taken it. best is NaN where the first cell is. */
ALWAYS VEC V(take)(VEC x, VEC best, VEC *rest) {
    const MASK hit = M(or)(V(eq)(x, best), V(isnan)(best));
    const VEC zero = V(set1)(0), taken = V(select)(hit, *rest, zero);
    *rest = V(select)(hit, zero, *rest);
    return taken;
}

ALWAYS VEC V(first_best)(const fc_pool_span *s, size_t lane_step, size_t n, const T *x) {
    VEC best = V(load_step)(x, lane_step, n);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t k = 0; k < s->cols; k++)
            best = V(max)(V(load_step)(x + CELL(r, k), lane_step, n), best);
    return best;
}

ALWAYS void V(max_grad_window)(const fc_pool_span *s, size_t n, const T *x, const T *from, T *to) {
    VEC best = V(first_best)(s, 1, n, x), rest = V(load_step)(from, 1, n);
    for (size_t r = 0; r < s->grad_end; r++)
        for (size_t k = 0; k < s->cols; k++) {
            VEC taken = V(take)(V(load_step)(x + CELL(r, k), 1, n), best, &rest);
            if (r >= s->grad_begin)
                V(add_to)(to + CELL(r - s->grad_begin, k), n, taken);
        }
}

ALWAYS void V(max_grad_across)(const fc_pool_span *s, size_t step, size_t count, const T *x, const T *from, T *to) {
    VEC best[V(CHUNK)], rest[V(CHUNK)];
    for (size_t j = 0, v = 0; j < count; j += LANES, v++) {
        const size_t n = count - j < LANES ? count - j : LANES;
        best[v] = V(first_best)(s, step, n, x + j * step);
        rest[v] = V(load_step)(from + j, 1, n);
    }
    for (size_t r = 0; r < s->grad_end; r++)
        for (size_t k = 0, cells; k < s->cols; k += cells) {
            cells = step == 2 && k + 1 < s->cols ? 2 : 1;
            for (size_t j = 0, v = 0; j < count; j += LANES, v++) {
                const size_t n = count - j < LANES ? count - j : LANES;
                const T *cell = x + CELL(r, k) + j * step;
                VEC first = V(take)(V(load_step)(cell, step, n), best[v], &rest[v]), second = V(set1)(0);
                if (cells == 2)
                    second = V(take)(V(load_step)(cell + 1, step, n), best[v], &rest[v]);
                if (r < s->grad_begin)
                    continue;
                T *target = to + CELL(r - s->grad_begin, k) + j * step;
                if (cells == 2)
                    V(add_pairs)(target, 2 * n, first, second);
                else
                    V(add_step)(target, step, n, first);
            }
        }
}

ALWAYS void V(avg_grad_window)(const fc_pool_span *s, size_t n, const T *x, const T *from, T *to) {
    (void)x;
    VEC share = V(div)(V(load_step)(from, 1, n), V(set1)((T)(s->rows * s->cols)));
    for (size_t r = 0; r < s->grad_end - s->grad_begin; r++)
        for (size_t k = 0; k < s->cols; k++)
            V(add_to)(to + CELL(r, k), n, share);
}

ALWAYS void V(avg_grad_across)(const fc_pool_span *s, size_t step, size_t count, const T *x, const T *from, T *to) {
    (void)x;
    const VEC cells_of_window = V(set1)((T)(s->rows * s->cols));
    for (size_t k = 0, cells; k < s->cols; k += cells) {
        cells = step == 2 && k + 1 < s->cols ? 2 : 1;
        for (size_t r = 0; r < s->grad_end - s->grad_begin; r++)
            for (size_t j = 0; j < count; j += LANES) {
                const size_t n = count - j < LANES ? count - j : LANES;
                const VEC share = V(div)(V(load_step)(from + j, 1, n), cells_of_window);
                T *target = to + CELL(r, k) + j * step;
                if (cells == 2)
                    V(add_pairs)(target, 2 * n, share, share);
                else
                    V(add_step)(target, step, n, share);
            }
    }
}

/*
 * Few channels and windows side by side without a gap: a row of dx is put together in a buffer by whole vectors, of which
 * the next cell overwrites the lanes past the channels, and added at once. Stores of part of a vector to dx, each just
 * before the load next to it, cost several times as much.
 */
enum { V(FLAT_WINDOWS) = 32, V(FLAT) = 1024 };

ALWAYS void V(add_flat)(T *to, const T *row, size_t n) {
    for (size_t i = 0; i < n; i += LANES)
        V(add_to)(to + i, n - i < LANES ? n - i : LANES, V(load)(row + i));
}

ALWAYS void V(max_grad_flat)(const fc_pool_span *s, size_t count, const T *x, const T *from, T *to) {
    VEC best[V(FLAT_WINDOWS)], rest[V(FLAT_WINDOWS)];
    T row[V(FLAT) + LANES];
    const size_t n = s->channels % LANES;
    for (size_t j = 0; j < count; j++) {
        best[j] = V(first_best)(s, 1, n, x + j * s->step);
        rest[j] = V(load_n)(from + j * n, n);
    }
    for (size_t r = 0; r < s->grad_end; r++) {
        for (size_t j = 0; j < count; j++)
            for (size_t k = 0; k < s->cols; k++) {
                const size_t at = j * s->step + k * n;
                V(store)(row + at, V(take)(V(load_n)(x + r * s->row_pitch + at, n), best[j], &rest[j]));
            }
        if (r >= s->grad_begin)
            V(add_flat)(to + CELL(r - s->grad_begin, 0), row, count * s->step);
    }
}

ALWAYS void V(avg_grad_flat)(const fc_pool_span *s, size_t count, const T *x, const T *from, T *to) {
    (void)x;
    T row[V(FLAT) + LANES];
    const size_t n = s->channels % LANES;
    const VEC cells = V(set1)((T)(s->rows * s->cols));
    for (size_t j = 0; j < count; j++) {
        const VEC share = V(div)(V(load_n)(from + j * n, n), cells);
        for (size_t k = 0; k < s->cols; k++)
            V(store)(row + j * s->step + k * n, share);
    }
    for (size_t r = 0; r < s->grad_end - s->grad_begin; r++)
        V(add_flat)(to + CELL(r, 0), row, count * s->step);
}

/* A gradient's slot from its functions for the channels of one window, and for a chunk of windows of one or of few. */
#define POOL_GRAD(slot, window, across, flat)                                                                                \
    static void TYPED(slot)(const fc_pool_span *span, const void *x_, const void *from_, void *to_) {                  \
        const fc_pool_span copy = *span, *s = &copy;                                                                   \
        const T *x = x_ ? x_ : from_, *from = from_;   /* an average has no x */                                       \
        T *to = to_;                                                                                                   \
        if (s->channels == 1) {                                                                                        \
            for (size_t j = 0; j < s->count; j += V(CHUNK) * LANES) {                                                  \
                const size_t left = s->count - j, count = left < V(CHUNK) * LANES ? left : V(CHUNK) * LANES;           \
                if (s->step == 1)                                                                                      \
                    across(s, 1, count, x + j, from + j, to + j);                                                      \
                else if (s->step == 2)                                                                                 \
                    across(s, 2, count, x + 2 * j, from + j, to + 2 * j);                                              \
                else                                                                                                   \
                    across(s, s->step, count, x + j * s->step, from + j, to + j * s->step);                            \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        const size_t tail = s->channels % LANES, whole = s->channels - tail;                                           \
        if (!whole && s->step == s->cols * s->channels && s->step <= V(FLAT)) {                                        \
            const size_t most = V(FLAT) / s->step < V(FLAT_WINDOWS) ? V(FLAT) / s->step : V(FLAT_WINDOWS);             \
            for (size_t j = 0; j < s->count; j += most) {                                                              \
                const size_t count = s->count - j < most ? s->count - j : most;                                        \
                flat(s, count, x + j * s->step, from + j * s->channels, to + j * s->step);                             \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        for (size_t j = 0; j < s->count; j++) {                                                                        \
            const size_t at = j * s->channels, cell = j * s->step;                                                     \
            for (size_t c = 0; c < whole; c += LANES)                                                                  \
                window(s, LANES, x + cell + c, from + at + c, to + cell + c);                                          \
            if (tail)                                                                                                  \
                window(s, tail, x + cell + whole, from + at + whole, to + cell + whole);                               \
        }                                                                                                              \
    }
POOL_GRAD(pool_max_grad, V(max_grad_window), V(max_grad_across), V(max_grad_flat))
POOL_GRAD(pool_avg_grad, V(avg_grad_window), V(avg_grad_across), V(avg_grad_flat))
#undef POOL_GRAD
#undef CELL
#undef ALWAYS
