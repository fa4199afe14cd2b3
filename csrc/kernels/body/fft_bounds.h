/* SPDX-License-Identifier: MIT */
/* Lower bounds of what the windows of an image hold, which say how exact the sums of a transform have to be. */

/* Four vectors of columns, of which n[i] lanes exist, summed over the rows and then in pairs of columns. */
FC_FFT_INLINE void TYPED(fft_tile_lot)(const T *const *rows, size_t n_rows, size_t at, const size_t *n, VEC cap, VEC *pairs) {
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

static void TYPED(fft_tiles)(const void *const *rows_, size_t n_rows, size_t n_cols, size_t width, double cap_, void *sums_) {
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

/* One row of windows from the sums of their columns. */
FC_FFT_INLINE VEC TYPED(fft_window_row)(const T *columns, size_t wide, T *sums, size_t n) {
    VEC sum = V(set1)(0);
    for (size_t j = 0; j < wide; j++)
        sum = V(add)(sum, n == LANES ? V(load)(columns + j) : V(load_n)(columns + j, n));
    if (n == LANES)
        V(store)(sums, sum);
    else
        V(store_n)(sums, sum, n);
    return sum;
}

static double TYPED(fft_windows)(const fc_fft_windows *w) {
    const size_t cols = w->n_cols + w->wide - 1;
    T *const columns = w->temp;
    VEC least = V(set1)((T)__builtin_inf());
    for (size_t u = 0; u < w->n_rows; u++) {
        const T *tiles = (const T *)w->tiles + u * w->pitch;
        for (size_t c = 0; c < cols; c += LANES) {
            const size_t n = cols - c < LANES ? cols - c : LANES;
            VEC sum = V(set1)(0);
            for (size_t i = 0; i < w->high; i++) {
                const T *from = tiles + i * w->pitch + c;
                sum = V(add)(sum, n == LANES ? V(load)(from) : V(load_n)(from, n));
            }
            V(store_n)(columns + c, sum, n);
        }
        T *sums = (T *)w->sums + u * w->pitch;
        size_t v = 0;
        for (; v + LANES <= w->n_cols; v += LANES)
            least = V(min)(least, TYPED(fft_window_row)(columns + v, w->wide, sums + v, LANES));
        if (v < w->n_cols) {
            VEC sum = TYPED(fft_window_row)(columns + v, w->wide, sums + v, w->n_cols - v);
            T rest[LANES];
            V(store)(rest, sum);
            for (size_t i = w->n_cols - v; i < LANES; i++)
                rest[i] = rest[0];
            least = V(min)(least, V(load)(rest));
        }
    }
    return -(double)V(hmax)(V(neg)(least));
}

/* Two vectors of columns from c on, of n_rows rows from r on; n_rows is a constant of each copy. */
FC_FFT_INLINE VEC TYPED(fft_weigh_rows)(const fc_fft_weigh *b, size_t r, size_t c, const size_t n_rows) {
    enum { LOOK = 16, MOST = 6 };       /* taps between two looks */
    const T *sizes = b->sizes;
    T *sums = (T *)b->sums + r * FC_FFT_LOT + c;
    VEC sum[2 * MOST];
    _Pragma("GCC unroll 12") for (size_t i = 0; i < 2 * n_rows; i++)
        sum[i] = V(set1)(0);
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
        _Pragma("GCC unroll 12") for (size_t i = 1; i < 2 * n_rows; i++)
            least = V(min)(least, sum[i]);
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
