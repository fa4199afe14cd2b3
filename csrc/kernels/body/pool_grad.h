/* SPDX-License-Identifier: MIT */
/*
 * Gradients of pooling, on the words of pool.h. from: dy, to: dx at row grad_begin of the window. Every cell of dx is
 * written once where windows do not overlap; where they do, the first of its windows writes it and the others add.
 */

/* The first n lanes of p: v, or what p has plus v. */
ALWAYS void V(put)(T *p, size_t n, VEC v, int add) {
    if (add)
        v = V(add)(V(load_first)(p, n), v);
    if (n == LANES)
        V(store)(p, v);
    else
        V(store_n)(p, v, n);
}

/* Of a cell x its share of *rest, dy until a cell has taken it; best is the window's maximum. */
ALWAYS VEC V(take)(MASK hit, VEC *rest) {
    const VEC zero = V(set1)(0), taken = V(select)(hit, *rest, zero);
    *rest = V(select)(hit, zero, *rest);
    return taken;
}

/* The first cell is the maximum too where it is NaN. */
ALWAYS MASK V(is_best)(VEC x, VEC best, int first) {
    return first ? M(or)(V(eq)(x, best), V(isnan)(best)) : V(eq)(x, best);
}

/* Cells of a row that a window shares with the one before it. */
ALWAYS size_t V(shared_cols)(const fc_pool_span *s) {
    return s->cols * s->channels > s->step ? s->cols - s->step / s->channels : 0;
}

ALWAYS void V(max_grad_window)(
    const fc_pool_span *s, size_t rows, size_t cols, size_t met_cols, size_t n, const T *x, const T *from, T *to) {
    VEC best = V(load_first)(x, n), rest = V(load_first)(from, n);
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++) _Pragma("GCC unroll 4") for (size_t k = r ? 0 : 1;
        k < cols; k++) best = V(max)(V(load_first)(x + CELL(r, k), n), best);
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++)
        _Pragma("GCC unroll 4") for (size_t k = 0; k < cols; k++) {
        const VEC taken = V(take)(V(is_best)(V(load_first)(x + CELL(r, k), n), best, r + k == 0), &rest);
        if (r >= s->grad_begin && r < s->grad_end)
            V(put)(to + CELL(r - s->grad_begin, k), n, taken, r < s->met_rows || k < met_cols);
    }
}

ALWAYS void V(avg_grad_window)(
    const fc_pool_span *s, size_t rows, size_t cols, size_t met_cols, size_t n, const T *x, const T *from, T *to) {
    (void)x;
    const VEC share = V(div)(V(load_first)(from, n), V(set1)((T)(rows * cols)));
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++)
        _Pragma("GCC unroll 4") for (size_t k = 0; k < cols; k++) if (r >= s->grad_begin && r < s->grad_end)
            V(put)(to + CELL(r - s->grad_begin, k), n, share, r < s->met_rows || k < met_cols);
}

/*
 * Few channels: a lane is an element of the row, as if a window began at each; dy lies at those where one does, and
 * zeros between. What the windows give their cells of column k is kept apart, and the row of dx is the sum of these, k
 * cells on.
 */
enum { V(FLAT_COLS) = 8, V(BEFORE) = V(FLAT_COLS) * LANES, V(FLAT) = 256, V(PLANE) = V(BEFORE) + V(FLAT) + LANES };

typedef struct V(flat) {
    size_t count, width, met_cols;
    _Alignas(64) T best[V(PLANE)], rest[V(PLANE)], given[V(FLAT_COLS)][V(PLANE)];
} V(flat);

/* to[i]: dy at the first cell of every window, else 0, i < width rounded up to whole vectors. */
ALWAYS void V(spread)(const fc_pool_span *s, const V(flat) * f, const T *dy, T *to) {
    const size_t c = s->channels, count = f->count;
    const VEC zero = V(set1)(0);
    size_t j = 0, end = 0;
    for (; c == 1 && s->step <= 2 && j < count; j += LANES) {
        const VEC v = V(load_first)(dy + j, count - j < LANES ? count - j : LANES);
        V(store)(to + end, s->step == 1 ? v : V(zip_low)(v, zero));
        if (s->step == 2)
            V(store)(to + end + LANES, V(zip_high)(v, zero));
        end += s->step * LANES;
    }
    for (; j < count; j++) {
        V(store)(to + j * s->step, V(load_n)(dy + j * c, c));
        end = j * s->step + LANES;
    }
    for (; end < f->width; end += LANES)
        V(store)(to + end, zero);
}

/* A row of dx from the columns' parts, which have zeros before them; the first `met` elements hold sums already. */
ALWAYS void V(put_row)(const fc_pool_span *s, const V(flat) * f, size_t cols, size_t plane, size_t met, T *to) {
    for (size_t p = 0; p < f->width; p += LANES) {
        const size_t n = f->width - p < LANES ? f->width - p : LANES;
        VEC sum = V(load)(f->given[(cols - 1) * plane] + V(BEFORE) + p - (cols - 1) * s->channels);
        if (p < met)
            sum = V(add)(V(load_first)(to + p, met - p < n ? met - p : n), sum);
        _Pragma("GCC unroll 4") for (size_t k = cols - 1; k-- > 0;)
            sum = V(add)(sum, V(load)(f->given[k * plane] + V(BEFORE) + p - k * s->channels));
        V(put)(to + p, n, sum, 0);
    }
}

ALWAYS size_t V(met)(const fc_pool_span *s, const V(flat) * f, size_t r) {
    return r < s->met_rows ? f->width : f->met_cols * s->channels;
}

/* The vector `skip` elements on, `whole` or of a row that has only `left` elements. */
ALWAYS VEC V(load_left)(const T *p, size_t skip, int whole, size_t left) {
    if (whole)
        return V(load)(p + skip);
    const size_t n = left > skip ? left - skip : 0;
    return V(load_first)(p + skip, n < LANES ? n : LANES);
}

ALWAYS VEC V(flat_best)(const fc_pool_span *s, size_t rows, size_t cols, const T *x, int whole, size_t left) {
    VEC best = V(load_left)(x, 0, whole, left);
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++) _Pragma("GCC unroll 4") for (size_t k = r ? 0 : 1;
        k < cols; k++) best = V(max)(V(load_left)(x + r * s->row_pitch, k * s->channels, whole, left), best);
    return best;
}

ALWAYS void V(flat_take)(
    const fc_pool_span *s, V(flat) * f, size_t cols, size_t i, const T *row, int first, int whole) {
    const VEC best = V(load)(f->best + i);
    VEC rest = V(load)(f->rest + i);
    _Pragma("GCC unroll 4") for (size_t k = 0; k < cols; k++) {
        const VEC cell = V(load_left)(row + i, k * s->channels, whole, f->width - i);
        V(store)(f->given[k] + V(BEFORE) + i, V(take)(V(is_best)(cell, best, first && k == 0), &rest));
    }
    V(store)(f->rest + i, rest);
}

ALWAYS void V(max_grad_flat)(
    const fc_pool_span *s, V(flat) * f, size_t rows, size_t cols, const T *x, const T *from, T *to) {
    const size_t reach = (cols - 1) * s->channels + LANES,
                 whole = f->width < reach ? 0 : (f->width - reach) / LANES * LANES + LANES;
    V(spread)(s, f, from, f->rest);
    for (size_t i = 0; i < whole; i += LANES)
        V(store)(f->best + i, V(flat_best)(s, rows, cols, x + i, 1, 0));
    for (size_t i = whole; i < f->width; i += LANES)
        V(store)(f->best + i, V(flat_best)(s, rows, cols, x + i, 0, f->width - i));
    for (size_t r = 0; r < s->grad_end; r++) {
        const T *row = x + r * s->row_pitch;
        for (size_t i = 0; i < whole; i += LANES)
            V(flat_take)(s, f, cols, i, row, r == 0, 1);
        for (size_t i = whole; i < f->width; i += LANES)
            V(flat_take)(s, f, cols, i, row, r == 0, 0);
        if (r >= s->grad_begin)
            V(put_row)(s, f, cols, 1, V(met)(s, f, r), to + CELL(r - s->grad_begin, 0));
    }
}

ALWAYS void V(avg_grad_flat)(
    const fc_pool_span *s, V(flat) * f, size_t rows, size_t cols, const T *x, const T *from, T *to) {
    const VEC cells = V(set1)((T)(rows * cols));
    (void)x;
    V(spread)(s, f, from, f->given[0] + V(BEFORE));
    for (size_t i = 0; i < f->width; i += LANES)
        V(store)(f->given[0] + V(BEFORE) + i, V(div)(V(load)(f->given[0] + V(BEFORE) + i), cells));
    for (size_t r = s->grad_begin; r < s->grad_end; r++)
        V(put_row)(s, f, cols, 0, V(met)(s, f, r), to + CELL(r - s->grad_begin, 0));
}

#include "kernels/body/pool_grad_dealt.h"

/* A gradient's slot from its functions for the channels of one window, and for a chunk of windows of few. */
#define POOL_GRAD(slot, window, chunk, dealt)                                                                       \
    static void V(slot##_few)(const fc_pool_span *s, const T *x, const T *from, T *to) {                            \
        V(flat) f;                                                                                                  \
        const size_t most = (V(FLAT) - s->cols * s->channels) / s->step + 1, chunks = (s->count + most - 1) / most; \
        for (size_t k = 0; k < s->cols; k++)                                                                        \
            for (size_t i = 0; i < V(BEFORE); i += LANES)                                                           \
                V(store)(f.given[k] + i, V(set1)(0));                                                               \
        for (size_t i = 0; i < s->lines * chunks; i++) {                                                            \
            const size_t line = i / chunks, j = i % chunks * most, at = line * s->x_line + j * s->step;             \
            const T *dy = from + line * s->window_line + j * s->channels;                                           \
            f.count = s->count - j < most ? s->count - j : most;                                                    \
            f.width = (f.count - 1) * s->step + s->cols * s->channels;                                              \
            f.met_cols = j ? V(shared_cols)(s) : s->met_cols;                                                       \
            if (s->rows == 2 && s->cols == 2)                                                                       \
                chunk(s, &f, 2, 2, x + at, dy, to + at);                                                            \
            else if (s->rows == 3 && s->cols == 3)                                                                  \
                chunk(s, &f, 3, 3, x + at, dy, to + at);                                                            \
            else                                                                                                    \
                chunk(s, &f, s->rows, s->cols, x + at, dy, to + at);                                                \
        }                                                                                                           \
    }                                                                                                               \
    ALWAYS void V(slot##_wide)(const fc_pool_span *s, size_t rows, size_t cols, const T *x, const T *from, T *to) { \
        const size_t tail = s->channels % LANES, whole = s->channels - tail, shared = V(shared_cols)(s);            \
        for (size_t line = 0; line < s->lines; line++)                                                              \
            for (size_t j = 0; j < s->count; j++) {                                                                 \
                const size_t met = j ? shared : s->met_cols, in = line * s->x_line + j * s->step;                   \
                const T *dy = from + line * s->window_line + j * s->channels;                                       \
                for (size_t c = 0; c < whole; c += LANES)                                                           \
                    window(s, rows, cols, met, LANES, x + in + c, dy + c, to + in + c);                             \
                if (tail)                                                                                           \
                    window(s, rows, cols, met, tail, x + in + whole, dy + whole, to + in + whole);                  \
            }                                                                                                       \
    }                                                                                                               \
    static void TYPED(slot)(const fc_pool_span *span, const void *x_, const void *from, void *to) {                 \
        const fc_pool_span copy = *span, *s = &copy;                                                                \
        const void *x = x_ ? x_ : from; /* an average has no x */                                                   \
        const size_t width = s->cols * s->channels;                                                                 \
        if (dealt && V(can_be_dealt)(s))                                                                            \
            s->cols == 2 ? V(max_grad_dealt)(s, 2, 2, x, from, to) : V(max_grad_dealt)(s, 3, 3, x, from, to);       \
        else if (s->channels < LANES && s->step <= LANES && s->step <= width && s->cols <= V(FLAT_COLS))            \
            V(slot##_few)(s, x, from, to);                                                                          \
        else if (s->rows == 2 && s->cols == 2)                                                                      \
            V(slot##_wide)(s, 2, 2, x, from, to);                                                                   \
        else if (s->rows == 3 && s->cols == 3)                                                                      \
            V(slot##_wide)(s, 3, 3, x, from, to);                                                                   \
        else                                                                                                        \
            V(slot##_wide)(s, s->rows, s->cols, x, from, to);                                                       \
    }
POOL_GRAD(pool_max_grad, V(max_grad_window), V(max_grad_flat), 1)
POOL_GRAD(pool_avg_grad, V(avg_grad_window), V(avg_grad_flat), 0)
#undef POOL_GRAD
#undef CELL
#undef ALWAYS
