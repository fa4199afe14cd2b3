/* SPDX-License-Identifier: MIT */
/*
 * The max gradient of few channels, for pool_grad.h, of windows 2 cells apart and 2 or 3 wide: lanes are the channels
 * of several windows one after the other, dealt from and to the row by permutations.
 */
#ifdef VEC_PICKS
typedef struct V(dealt) {
    size_t windows;
    VEC numbers, from_row, to_low, to_high, behind, to_last;
} V(dealt);

/* floor(v / c) of small integers */
ALWAYS VEC V(quotients)(VEC v, size_t c) {
    const VEC half = V(set1)((T)0.5);
    return V(round)(V(sub)(V(mul)(V(add)(v, half), V(set1)(1 / (T)c)), half));
}

/* In the row, element i of cell number q is that of window q / 2; the even and odd cells' vectors follow one another.
 */
ALWAYS VEC V(places)(VEC element, size_t c) {
    const VEC q = V(quotients)(element, c), window = V(quotients)(q, 2), odd = V(sub)(q, V(add)(window, window));
    return V(add)(V(sub)(element, V(mul)(V(sub)(q, window), V(set1)((T)c))), V(mul)(odd, V(set1)(LANES)));
}

ALWAYS V(dealt) V(deal)(size_t c) {
    T numbers[LANES];
    for (size_t i = 0; i < LANES; i++)
        numbers[i] = (T)i;
    const VEC i = V(load)(numbers), width = V(set1)((T)c);
    const size_t windows = LANES / c;
    const VEC before_last = V(set1)((T)((windows - 1) * c));
    return (V(dealt)){
        .windows = windows,
        .numbers = i,
        .from_row = V(add)(i, V(mul)(V(quotients)(i, c), width)),
        .to_low = V(places)(i, c),
        .to_high = V(places)(V(add)(i, V(set1)(LANES)), c),
        .behind = V(add)(i, V(select)(V(lt)(i, width), before_last, V(set1)((T)(LANES - c)))),
        .to_last = V(at_least)(V(sub)(i, before_last), 0),
    };
}

/* Column k of n lanes' windows; `whole`: all of what is loaded is in the row. */
ALWAYS VEC V(dealt_cells)(const V(dealt) * d, const T *row, size_t skip, int whole, size_t left) {
    return V(pick)(V(load_left)(row, skip, whole, left), V(load_left)(row, skip + LANES, whole, left), d->from_row);
}

/* The caches are asked for what the next line of windows reads and writes there; it need not exist. */
ALWAYS void V(ask_ahead)(const fc_pool_span *s, const T *x, T *to) {
    __builtin_prefetch(x + s->x_line);
    __builtin_prefetch(to + s->x_line, 1);
}

/* A group of `windows`; behind[r]: what the last of the group before gives to column 2 of row r. */
ALWAYS void V(max_grad_group)(const fc_pool_span *s, const V(dealt) * d, size_t rows, size_t cols, size_t windows,
    int whole, size_t left, const T *x, const T *from, T *to, VEC *behind) {
    const size_t c = s->channels, n = windows * c, width = 2 * n;
    VEC best = V(dealt_cells)(d, x, 0, whole, left), rest = V(load_n)(from, n);
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++) _Pragma("GCC unroll 4") for (size_t k = r ? 0 : 1;
        k < cols; k++) best = V(max)(V(dealt_cells)(d, x + r * s->row_pitch, k * c, whole, left), best);
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++) {
        VEC taken[3];
        V(ask_ahead)(s, x + r * s->row_pitch, to + r * s->row_pitch);
        V(ask_ahead)(s, x + r * s->row_pitch + LANES, to + r * s->row_pitch + LANES);
        _Pragma("GCC unroll 4") for (size_t k = 0; k < cols; k++) {
            const VEC cell = V(dealt_cells)(d, x + r * s->row_pitch, k * c, whole, left);
            taken[k] = V(take)(V(is_best)(cell, best, r + k == 0), &rest);
        }
        if (cols == 3) {
            taken[0] = V(add)(V(pick)(behind[r], taken[2], d->behind), taken[0]);
            behind[r] = taken[2];
        }
        if (r < s->grad_begin || r >= s->grad_end)
            continue;
        T *row = to + (r - s->grad_begin) * s->row_pitch;
        V(put)(row, width < LANES ? width : LANES, V(pick)(taken[0], taken[1], d->to_low), r < s->met_rows);
        if (width > LANES)
            V(put)(row + LANES, width - LANES, V(pick)(taken[0], taken[1], d->to_high), r < s->met_rows);
    }
}

ALWAYS void V(max_grad_dealt_line)(
    const fc_pool_span *s, const V(dealt) * d, size_t rows, size_t cols, const T *x, const T *from, T *to) {
    const size_t c = s->channels;
    VEC behind[3];
    size_t windows = 0;
    _Pragma("GCC unroll 4") for (size_t r = 0; r < rows; r++) {
        const int has_sum = s->met_cols && r >= s->met_rows && r >= s->grad_begin && r < s->grad_end;
        const VEC sum = has_sum ? V(load_n)(to + (r - s->grad_begin) * s->row_pitch, c) : V(set1)(0);
        behind[r] = V(pick)(sum, sum, d->to_last);
    }
    for (size_t j = 0; j < s->count; j += windows) {
        const size_t left = (2 * (s->count - j - 1) + cols) * c, at = j * s->step;
        windows = s->count - j < d->windows ? s->count - j : d->windows;
        if (windows == d->windows && (cols - 1) * c + 2 * LANES <= left)
            V(max_grad_group)(s, d, rows, cols, d->windows, 1, left, x + at, from + j * c, to + at, behind);
        else
            V(max_grad_group)(s, d, rows, cols, windows, 0, left, x + at, from + j * c, to + at, behind);
    }
    if (cols == 2)
        return;
    const VEC last = V(add)(d->numbers, V(set1)((T)((windows - 1) * c)));
    for (size_t r = s->grad_begin; r < s->grad_end; r++)
        V(put)(to + CELL(r - s->grad_begin, 2 * s->count), c, V(pick)(behind[r], behind[r], last), r < s->met_rows);
}

ALWAYS void V(max_grad_dealt)(const fc_pool_span *s, size_t rows, size_t cols, const T *x, const T *from, T *to) {
    const V(dealt) d = V(deal)(s->channels);
    for (size_t line = 0; line < s->lines; line++, x += s->x_line, from += s->window_line, to += s->x_line)
        V(max_grad_dealt_line)(s, &d, rows, cols, x, from, to);
}

ALWAYS int V(can_be_dealt)(const fc_pool_span *s) {
    return 2 * s->channels <= LANES && s->step == 2 * s->channels && s->rows == s->cols &&
        (s->rows == 2 || s->rows == 3) && s->met_cols + 2 <= s->cols;
}
#else
ALWAYS int V(can_be_dealt)(const fc_pool_span *s) {
    (void)s;
    return 0;
}
ALWAYS void V(max_grad_dealt)(const fc_pool_span *s, size_t rows, size_t cols, const T *x, const T *from, T *to) {
    (void)s;
    (void)rows;
    (void)cols;
    (void)x;
    (void)from;
    (void)to;
}
#endif
