/* SPDX-License-Identifier: MIT */
/* Lower bounds of what the windows of an image hold, which say how exact the sums of a transform have to be. */

/* Vector i of four, of which n[i] lanes exist where n is given, cut to the cap. */
FC_FFT_INLINE VEC TYPED(fft_cut)(const void *row, size_t at, size_t i, const size_t *n, VEC cap) {
    const T *x = (const T *)row + at;
    return V(min)(V(abs)(n ? V(load_n)(x + (n[i] ? i * LANES : 0), n[i]) : V(load)(x + i * LANES)), cap);
}

/* Four vectors of columns, summed over the rows, of which there is one at least, and then in pairs of columns. */
FC_FFT_INLINE void TYPED(fft_tile_lot)(
    const void *const *rows, size_t n_rows, size_t at, const size_t *n, VEC cap, VEC *pairs) {
    VEC sum[4];
    _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++) sum[i] = TYPED(fft_cut)(rows[0], at, i, n, cap);
    for (size_t r = 1; r < n_rows; r++)
        _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++)
            sum[i] = V(add)(sum[i], TYPED(fft_cut)(rows[r], at, i, n, cap));
    for (size_t i = 0; i < 2; i++)
        pairs[i] = V(add)(V(even)(sum[2 * i], sum[2 * i + 1]), V(odd)(sum[2 * i], sum[2 * i + 1]));
}

/* Of whole lots from column `at` on. */
FC_FFT_INLINE void TYPED(fft_tile_whole)(
    const fc_fft_tiles *t, const void *const *rows, size_t n_rows, size_t at, VEC cap, T *sums) {
    VEC pairs[2];
    TYPED(fft_tile_lot)(rows, n_rows, at, NULL, cap, pairs);
    if (t->width == 4)
        V(store)(sums, V(add)(V(even)(pairs[0], pairs[1]), V(odd)(pairs[0], pairs[1])));
    else {
        V(store)(sums, pairs[0]);
        V(store)(sums + LANES, pairs[1]);
    }
}

/* Of the columns behind whole lots. */
static void TYPED(fft_tile_rest)(
    const fc_fft_tiles *t, const void *const *rows, size_t n_rows, size_t at, VEC cap, T *sums) {
    const size_t here = t->n_cols - at, count = (here + t->width - 1) / t->width, first = count < LANES ? count : LANES;
    size_t rest[4];
    VEC pairs[2];
    for (size_t i = 0; i < 4; i++)
        rest[i] = here < i * LANES ? 0 : here - i * LANES < LANES ? here - i * LANES : LANES;
    TYPED(fft_tile_lot)(rows, n_rows, at, rest, cap, pairs);
    if (t->width == 4)
        V(store_n)(sums, V(add)(V(even)(pairs[0], pairs[1]), V(odd)(pairs[0], pairs[1])), count);
    else {
        V(store_n)(sums, pairs[0], first);
        V(store_n)(sums + first, pairs[1], count - first);
    }
}

static void TYPED(fft_tiles)(const fc_fft_tiles *t) {
    const VEC cap = V(set1)((T)t->cap);
    T *sums = t->sums;
    for (size_t row = 0; row < t->n_rows; row += t->high, sums += t->pitch) {
        const void *const *rows = t->rows + row;
        const size_t n_rows = t->n_rows - row < t->high ? t->n_rows - row : t->high;
        size_t c = 0;
        for (; c + 4 * LANES <= t->n_cols; c += 4 * LANES)
            TYPED(fft_tile_whole)(t, rows, n_rows, c, cap, sums + c / t->width);
        if (c < t->n_cols)
            TYPED(fft_tile_rest)(t, rows, n_rows, c, cap, sums + c / t->width);
    }
}

/* cut is a constant of each copy: whether numbers are cut to the cap, or taken as they are. */
FC_FFT_INLINE VEC TYPED(fft_counted)(const void *row, size_t c, size_t n, VEC cap, const int cut) {
    const T *x = (const T *)row + c;
    const VEC cells = n == LANES ? V(load)(x) : V(load_n)(x, n);
    return cut ? V(min)(V(abs)(cells), cap) : cells;
}

/*
 * Sums of the columns [c, c + n) of `group` rows of windows over `high` rows each; group is a constant of each copy, no
 * more than high. They share all but group - 1 rows at either end. No row lies behind `last`: rows of a group that do
 * not exist are summed of others and not looked at.
 */
FC_FFT_INLINE void TYPED(fft_window_columns)(const void *const *rows, size_t high, size_t last, size_t c, size_t n,
    VEC cap, const int cut, const size_t group, T *to, size_t pitch) {
    VEC above[FC_FFT_SHARED], sum = V(set1)(0);
    above[group - 1] = sum;
    _Pragma("GCC unroll 8") for (size_t i = group - 1; i-- > 0;)
        above[i] = V(add)(above[i + 1], TYPED(fft_counted)(rows[i], c, n, cap, cut));
    for (size_t i = group - 1; i < high; i++)
        sum = V(add)(sum, TYPED(fft_counted)(rows[i], c, n, cap, cut));
    _Pragma("GCC unroll 8") for (size_t i = 0; i < group; i++) {
        V(store)(to + i * pitch + c, V(add)(above[i], sum));
        sum = V(add)(sum, TYPED(fft_counted)(rows[high + i < last ? high + i : last], c, n, cap, cut));
    }
}

FC_FFT_INLINE void TYPED(fft_window_group)(
    const fc_fft_windows *w, size_t first, size_t length, const int cut, const size_t group, T *to, size_t pitch) {
    const void *const *rows = w->rows + first;
    const size_t high = w->high, last = (w->n_rows - 1) * w->row_step + high - 1 - first;
    const VEC cap = V(set1)((T)w->cap);
    size_t c = 0;
    for (; c + LANES <= length; c += LANES)
        TYPED(fft_window_columns)(rows, high, last, c, LANES, cap, cut, group, to, pitch);
    if (c < length)
        TYPED(fft_window_columns)(rows, high, last, c, length - c, cap, cut, group, to, pitch);
}

/* From how many columns on a row of windows is made of sums of four. */
#ifndef FC_FFT_WIDE
#define FC_FFT_WIDE 8
#endif

/*
 * Sums of four neighbours each in rows of columns. Rows lie one behind the other and are taken as one; what mixes them
 * is not looked at.
 */
FC_FFT_INLINE void TYPED(fft_fours)(const T *columns, size_t step, size_t length, T *fours) {
    for (size_t c = 0; c < length; c += LANES) {
        const T *x = columns + c;
        V(store)(fours + c,
            V(add)(V(add)(V(load)(x), V(load)(x + step)), V(add)(V(load)(x + 2 * step), V(load)(x + 3 * step))));
    }
}

/* Windows of `wide` columns from c on: one of each lane. */
FC_FFT_INLINE VEC TYPED(fft_window_sums)(const T *columns, const T *fours, size_t wide, size_t step) {
    VEC sum = V(set1)(0);
    size_t j = 0;
    for (; wide >= FC_FFT_WIDE && j + 4 <= wide; j += 4)
        sum = V(add)(sum, V(load)(fours + j * step));
    for (; j < wide; j++)
        sum = V(add)(sum, V(load)(columns + j * step));
    return sum;
}

/* Rows whose least sums are found together. */
enum { TYPED(fft_LEAST) = (int)LANES < (int)FC_FFT_SHARED ? (int)LANES : (int)FC_FFT_SHARED };

/* to[i] = the least of vector i, i < count, of which fft_LEAST are read. */
FC_FFT_INLINE void TYPED(fft_least)(const VEC *from, size_t count, double *to, size_t step) {
    VEC v[TYPED(fft_LEAST)];
    T least[LANES];
    _Pragma("GCC unroll 8") for (size_t i = 0; i < TYPED(fft_LEAST); i++) v[i] = from[i];
    _Pragma("GCC unroll 3") for (size_t half = TYPED(fft_LEAST) / 2; half > 0; half /= 2)
        _Pragma("GCC unroll 4") for (size_t i = 0; i < half; i++)
            v[i] = V(min)(V(zip_low)(v[i], v[i + half]), V(zip_high)(v[i], v[i + half]));
    V(store)(least, v[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t at = i + TYPED(fft_LEAST); at < LANES; at += TYPED(fft_LEAST))
            least[i] = least[at] < least[i] ? least[at] : least[i];
        to[i * step] = (double)least[i];
    }
}

/* The least windows of each lane, of one lot; the last vector ends with the row. */
FC_FFT_INLINE VEC TYPED(fft_window_lot)(
    const fc_fft_windows *w, const T *columns, const T *fours, size_t from, size_t end) {
    VEC least = V(set1)((T)__builtin_inf());
    for (size_t next = from; next < end; next += LANES) {
        const size_t c = next + LANES > w->n_cols ? w->n_cols - LANES : next;
        least = V(min)(least, TYPED(fft_window_sums)(columns + c, fours + c, w->wide, w->step));
    }
    return least;
}

/* Less than a vector of windows: lanes beyond them hold the first. */
static VEC TYPED(fft_few_windows)(const fc_fft_windows *w, const T *columns, const T *fours) {
    T rest[LANES];
    V(store)(rest, TYPED(fft_window_sums)(columns, fours, w->wide, w->step));
    for (size_t i = w->n_cols; i < LANES; i++)
        rest[i] = rest[0];
    return V(load)(rest);
}

/* Of `count` rows of windows the least of each lot; returns those of each lane. */
FC_FFT_INLINE VEC TYPED(fft_window_rows)(
    const fc_fft_windows *w, const T *columns, const T *fours, size_t pitch, size_t count, double *of_lots) {
    VEC all = V(set1)((T)__builtin_inf());
    for (size_t from = 0; from < w->n_cols; from += w->lot, of_lots++) {
        const size_t end = from + w->lot < w->n_cols ? from + w->lot : w->n_cols;
        for (size_t first = 0, many; first < count; first += many) {
            VEC rows[TYPED(fft_LEAST)];
            many = count - first < TYPED(fft_LEAST) ? count - first : TYPED(fft_LEAST);
            for (size_t i = 0; i < TYPED(fft_LEAST); i++) {
                const size_t at = (first + i) * pitch;
                rows[i] = i >= many     ? rows[0]
                    : w->n_cols < LANES ? TYPED(fft_few_windows)(w, columns + at, fours + at)
                                        : TYPED(fft_window_lot)(w, columns + at, fours + at, from, end);
                all = V(min)(all, rows[i]);
            }
            TYPED(fft_least)(rows, many, of_lots + first * w->lots, w->lots);
        }
    }
    return all;
}

static double TYPED(fft_windows)(const fc_fft_windows *w) {
    const size_t length = w->n_cols + (w->wide - 1) * w->step, pitch = (length + LANES - 1) / LANES * LANES;
    const size_t beyond = 3 * w->step + FC_FFT_PAD;
    T *const columns = w->temp, *const fours = columns + FC_FFT_SHARED * pitch + beyond;
    const int cut = w->cap < __builtin_inf(), shared = w->high >= FC_FFT_SHARED && w->row_step == 1;
    VEC least = V(set1)((T)__builtin_inf());
    memset(columns + FC_FFT_SHARED * pitch, 0, beyond * sizeof(T));
    for (size_t u = 0, count; u < w->n_rows; u += count) {
        count = w->n_rows - u < FC_FFT_SHARED ? w->n_rows - u : FC_FFT_SHARED;
        if (shared && cut)
            TYPED(fft_window_group)(w, u, length, 1, FC_FFT_SHARED, columns, pitch);
        else if (shared)
            TYPED(fft_window_group)(w, u, length, 0, FC_FFT_SHARED, columns, pitch);
        for (size_t i = 0; !shared && i < count; i++)
            if (cut)
                TYPED(fft_window_group)(w, (u + i) * w->row_step, length, 1, 1, columns + i * pitch, pitch);
            else
                TYPED(fft_window_group)(w, (u + i) * w->row_step, length, 0, 1, columns + i * pitch, pitch);
        if (w->wide >= FC_FFT_WIDE)
            TYPED(fft_fours)(columns, w->step, count * pitch, fours);
        least = V(min)(least, TYPED(fft_window_rows)(w, columns, fours, pitch, count, w->of_lots + u * w->lots));
    }
    return -(double)V(hmax)(V(neg)(least));
}

/* Two vectors of columns from c on, of n_rows rows from r on; n_rows is a constant of each copy. */
FC_FFT_INLINE VEC TYPED(fft_weigh_rows)(const fc_fft_weigh *b, size_t r, size_t c, const size_t n_rows) {
    enum { LOOK = 16, MOST = 6 }; /* taps between two looks */
    const T *sizes = b->sizes;
    T *sums = (T *)b->sums + r * FC_FFT_LOT + c;
    VEC sum[2 * MOST];
    _Pragma("GCC unroll 12") for (size_t i = 0; i < 2 * n_rows; i++) sum[i] = V(set1)(0);
    VEC least = V(set1)(0);
    for (size_t t = 0; t < b->n_taps; t++) {
        const T *const *rows = (const T *const *)b->rows + r + b->places[t].row;
        const size_t from = b->places[t].offset + c;
        const VEC size = V(set1)(sizes[t]);
        _Pragma("GCC unroll 6") for (size_t i = 0; i < n_rows; i++) {
            sum[2 * i] = V(fma)(size, V(abs)(V(load)(rows[i] + from)), sum[2 * i]);
            sum[2 * i + 1] = V(fma)(size, V(abs)(V(load)(rows[i] + from + LANES)), sum[2 * i + 1]);
        }
        if (t % LOOK != LOOK - 1 && t + 1 < b->n_taps)
            continue;
        least = sum[0];
        _Pragma("GCC unroll 12") for (size_t i = 1; i < 2 * n_rows; i++) least = V(min)(least, sum[i]);
        if (-(double)V(hmax)(V(neg)(least)) >= b->enough)
            break;
    }
    _Pragma("GCC unroll 6") for (size_t i = 0; i < n_rows; i++) {
        V(store)(sums + i * FC_FFT_LOT, sum[2 * i]);
        V(store)(sums + i * FC_FFT_LOT + LANES, sum[2 * i + 1]);
    }
    return least;
}

static double TYPED(fft_weigh)(const fc_fft_weigh *b) {
    VEC least = V(set1)((T)__builtin_inf());
    for (size_t c = 0; c < FC_FFT_LOT; c += 2 * LANES) {
        size_t r = 0;
        for (; r + 6 <= b->n_rows; r += 6)
            least = V(min)(least, TYPED(fft_weigh_rows)(b, r, c, 6));
        for (; r + 3 <= b->n_rows; r += 3)
            least = V(min)(least, TYPED(fft_weigh_rows)(b, r, c, 3));
        for (; r < b->n_rows; r++)
            least = V(min)(least, TYPED(fft_weigh_rows)(b, r, c, 1));
    }
    return -(double)V(hmax)(V(neg)(least));
}
