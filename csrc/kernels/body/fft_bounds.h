/* SPDX-License-Identifier: MIT */
/* Lower bounds of what the windows of an image hold, which say how exact the sums of a transform have to be. */

/* Four vectors of columns, of which n[i] lanes exist, summed over the rows and then in pairs of columns. */
FC_FFT_INLINE void TYPED(fft_tile_lot)(
    const T *const *rows, size_t n_rows, size_t at, const size_t *n, VEC cap, VEC *pairs) {
    VEC sum[4] = {V(set1)(0), V(set1)(0), V(set1)(0), V(set1)(0)};
    for (size_t r = 0; r < n_rows; r++) {
        const T *x = rows[r] + at;
        _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++) {
            const VEC cells = n ? V(load_n)(x + (n[i] ? i * LANES : 0), n[i]) : V(load)(x + i * LANES);
            sum[i] = V(add)(sum[i], V(min)(V(abs)(cells), cap));
        }
    }
    for (size_t i = 0; i < 2; i++)
        pairs[i] = V(add)(V(even)(sum[2 * i], sum[2 * i + 1]), V(odd)(sum[2 * i], sum[2 * i + 1]));
}

static void TYPED(fft_tiles)(
    const void *const *rows_, size_t n_rows, size_t n_cols, size_t width, double cap_, void *sums_) {
    const T *const *rows = (const T *const *)rows_;
    const VEC cap = V(set1)((T)cap_);
    T *sums = sums_;
    for (size_t c = 0; c < n_cols; c += 4 * LANES) {
        const size_t here = n_cols - c < 4 * LANES ? n_cols - c : 4 * LANES;
        size_t rest[4];
        VEC pairs[2];
        if (here == 4 * LANES)
            TYPED(fft_tile_lot)(rows, n_rows, c, NULL, cap, pairs);
        else {
            for (size_t i = 0; i < 4; i++)
                rest[i] = here < i * LANES ? 0 : here - i * LANES < LANES ? here - i * LANES : LANES;
            TYPED(fft_tile_lot)(rows, n_rows, c, rest, cap, pairs);
        }
        const size_t count = (here + width - 1) / width, first = count < LANES ? count : LANES;
        if (width == 4)
            V(store_n)(sums, V(add)(V(even)(pairs[0], pairs[1]), V(odd)(pairs[0], pairs[1])), count);
        else {
            V(store_n)(sums, pairs[0], first);
            V(store_n)(sums + first, pairs[1], count - first);
        }
        sums += count;
    }
}

FC_FFT_INLINE VEC TYPED(fft_counted)(const void *row, size_t c, size_t n, VEC cap) {
    const T *x = (const T *)row + c;
    return V(min)(V(abs)(n == LANES ? V(load)(x) : V(load_n)(x, n)), cap);
}

/*
 * Sums of the columns [c, c + n) of `group` rows of windows over `high` rows each; group is a constant of each copy, no
 * more than high. They share all but group - 1 rows at either end. No row lies behind `last`: rows of a group that do
 * not exist are summed of others and not looked at.
 */
FC_FFT_INLINE void TYPED(fft_window_columns)(const void *const *rows, size_t high, size_t last, size_t c, size_t n,
    VEC cap, const size_t group, T *to, size_t pitch) {
    VEC above[FC_FFT_SHARED], sum = V(set1)(0);
    above[group - 1] = sum;
    _Pragma("GCC unroll 8") for (size_t i = group - 1; i-- > 0;)
        above[i] = V(add)(above[i + 1], TYPED(fft_counted)(rows[i], c, n, cap));
    for (size_t i = group - 1; i < high; i++)
        sum = V(add)(sum, TYPED(fft_counted)(rows[i], c, n, cap));
    _Pragma("GCC unroll 8") for (size_t i = 0; i < group; i++) {
        V(store)(to + i * pitch + c, V(add)(above[i], sum));
        sum = V(add)(sum, TYPED(fft_counted)(rows[high + i < last ? high + i : last], c, n, cap));
    }
}

FC_FFT_INLINE void TYPED(fft_window_group)(
    const fc_fft_windows *w, size_t first, size_t length, const size_t group, T *to, size_t pitch) {
    const void *const *rows = w->rows + first;
    const size_t high = w->high, last = w->n_rows + high - 2 - first;
    const VEC cap = V(set1)((T)w->cap);
    size_t c = 0;
    for (; c + LANES <= length; c += LANES)
        TYPED(fft_window_columns)(rows, high, last, c, LANES, cap, group, to, pitch);
    if (c < length)
        TYPED(fft_window_columns)(rows, high, last, c, length - c, cap, group, to, pitch);
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

/* Less than a vector of windows: lanes beyond them hold the first. */
static VEC TYPED(fft_few_windows)(const fc_fft_windows *w, const T *columns, const T *fours, T *sums) {
    T rest[LANES];
    const VEC sum = TYPED(fft_window_sums)(columns, fours, w->wide, w->step);
    if (sums)
        V(store_n)(sums, sum, w->n_cols);
    V(store)(rest, sum);
    for (size_t i = w->n_cols; i < LANES; i++)
        rest[i] = rest[0];
    return V(load)(rest);
}

/* A row of windows; the last vector ends with it. Returns the least of each lane. */
FC_FFT_INLINE VEC TYPED(fft_window_row)(const fc_fft_windows *w, const T *columns, const T *fours, T *sums) {
    const size_t n_cols = w->n_cols;
    VEC least = V(set1)((T)__builtin_inf());
    if (n_cols < LANES)
        return TYPED(fft_few_windows)(w, columns, fours, sums);
    for (size_t next = 0; next < n_cols; next += LANES) {
        const size_t c = next + LANES > n_cols ? n_cols - LANES : next;
        const VEC sum = TYPED(fft_window_sums)(columns + c, fours + c, w->wide, w->step);
        if (sums)
            V(store)(sums + c, sum);
        least = V(min)(least, sum);
    }
    return least;
}

FC_FFT_INLINE double TYPED(fft_least)(VEC v) { return -(double)V(hmax)(V(neg)(v)); }

static double TYPED(fft_windows)(const fc_fft_windows *w) {
    const size_t length = w->n_cols + (w->wide - 1) * w->step, pitch = (length + LANES - 1) / LANES * LANES;
    const size_t group = w->high < FC_FFT_SHARED ? 1 : FC_FFT_SHARED, beyond = 3 * w->step + FC_FFT_PAD;
    T *const columns = w->temp, *const fours = columns + FC_FFT_SHARED * pitch + beyond;
    VEC least = V(set1)((T)__builtin_inf());
    memset(columns + group * pitch, 0, beyond * sizeof(T));
    for (size_t u = 0; u < w->n_rows; u += group) {
        if (group == 1)
            TYPED(fft_window_group)(w, u, length, 1, columns, pitch);
        else
            TYPED(fft_window_group)(w, u, length, FC_FFT_SHARED, columns, pitch);
        if (w->wide >= FC_FFT_WIDE)
            TYPED(fft_fours)(columns, w->step, group * pitch, fours);
        for (size_t i = 0; i < group && u + i < w->n_rows; i++) {
            const VEC found = TYPED(fft_window_row)(
                w, columns + i * pitch, fours + i * pitch, w->sums ? (T *)w->sums + (u + i) * w->pitch : NULL);
            if (w->least)
                w->least[u + i] = TYPED(fft_least)(found);
            least = V(min)(least, found);
        }
    }
    return TYPED(fft_least)(least);
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
