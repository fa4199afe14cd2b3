/* SPDX-License-Identifier: MIT */
/* Depthwise convolution with the columns of an output row as lanes, rolling down the rows (depthwise.h says how). */
#define PLANES_FETCH(K, S, R) \
    const T *p = *row + j;    \
    _Pragma("GCC unroll 8") for (int t = 0; t < K; t++) v[t] = V(load)(p + offsets[t])
#define PLANES_STORE(r, value) V(store_some)(y, value, n, tail)

/* Dilation, for stride 1 only, is that many interleaved sets of rows. */
#define PLANES_KERNEL(K, S)                                                                                      \
    ALWAYS void V(planes_##K##_##S)(const fc_depthwise_planes *b, size_t j, size_t n, int tail) {                \
        enum { A = (K + S - 1) / S };                                                                            \
        const size_t dilation = S == 1 ? b->dilation : 1;                                                        \
        const VEC start = V(set1)(b->start ? *(const T *)b->start : 0);                                          \
        const int relu = b->relu;                                                                                \
        const float ceiling = b->ceiling;                                                                        \
        VEC w[K][K];                                                                                             \
        ptrdiff_t offsets[K];                                                                                    \
        _Pragma("GCC unroll 8") for (int s = 0; s < K; s++) {                                                    \
            offsets[s] = b->offsets[s];                                                                          \
            _Pragma("GCC unroll 8") for (int t = 0; t < K; t++) w[s][t] = V(set1)(((const T *)b->w)[s * K + t]); \
        }                                                                                                        \
        for (size_t phase = 0; phase < dilation && phase < b->count; phase++) {                                  \
            const size_t outputs = (b->count - phase + dilation - 1) / dilation;                                 \
            const ptrdiff_t y_move = (ptrdiff_t)dilation * b->y_pitch;                                           \
            T *y = (T *)b->y + (ptrdiff_t)phase * b->y_pitch + j;                                                \
            const T *const *row = (const T *const *)b->rows + phase;                                             \
            ROLL(K, S, 1, PLANES_FETCH, row += dilation, PLANES_STORE, y += y_move);                             \
        }                                                                                                        \
    }
PLANES_KERNEL(3, 1)
PLANES_KERNEL(3, 2)
PLANES_KERNEL(5, 1)
PLANES_KERNEL(5, 2)
#undef PLANES_KERNEL
#undef PLANES_FETCH
#undef PLANES_STORE

/* Any window: PLANES_AT_ONCE outputs of a column share each weight; rows that do not exist repeat the last one. */
enum { V(PLANES_AT_ONCE) = 4 };
ALWAYS void V(planes_any)(const fc_depthwise_planes *b, size_t j, size_t n, int tail) {
    const VEC start = V(set1)(b->start ? *(const T *)b->start : 0);
    for (size_t i = 0; i < b->count; i += V(PLANES_AT_ONCE)) {
        const size_t outs = b->count - i < V(PLANES_AT_ONCE) ? b->count - i : V(PLANES_AT_ONCE);
        VEC sum[1][V(PLANES_AT_ONCE)];
        CHAIN_PARTS(1, V(PLANES_AT_ONCE), FC_CHAIN);
        for (int o = 0; o < V(PLANES_AT_ONCE); o++)
            sum[0][o] = start;
        for (size_t s = 0; s < b->k_h; s++) {
            const T *row[V(PLANES_AT_ONCE)];
            for (size_t o = 0; o < V(PLANES_AT_ONCE); o++)
                row[o] = (const T *)b->rows[(i + (o < outs ? o : outs - 1)) * b->stride + s * b->dilation] + j;
            for (size_t t = 0; t < b->k_w; t++, room--) {
                if (!room)
                    CHAIN_FOLD(1, V(PLANES_AT_ONCE));
                const VEC w = V(set1)(((const T *)b->w)[s * b->k_w + t]);
                _Pragma("GCC unroll 4") for (int o = 0; o < V(PLANES_AT_ONCE); o++)
                    sum[0][o] = V(fma)(V(load)(row[o] + b->offsets[t]), w, sum[0][o]);
            }
        }
        CHAIN_END(1, V(PLANES_AT_ONCE));
        for (size_t o = 0; o < outs; o++)
            V(store_some)(
                (T *)b->y + (ptrdiff_t)(i + o) * b->y_pitch + j, V(relu_of)(sum[0][o], b->relu, b->ceiling), n, tail);
    }
}

#define PLANES_EACH(name)                                                                \
    static __attribute__((noinline)) void V(each_##name)(const fc_depthwise_planes *b) { \
        size_t j = 0;                                                                    \
        for (; j + LANES <= b->cols; j += LANES)                                         \
            V(name)(b, j, LANES, 0);                                                     \
        if (j < b->cols)                                                                 \
            V(name)(b, j, b->cols - j, 1);                                               \
    }
PLANES_EACH(planes_3_1)
PLANES_EACH(planes_3_2)
PLANES_EACH(planes_5_1)
PLANES_EACH(planes_5_2)
PLANES_EACH(planes_any)
#undef PLANES_EACH

static void TYPED(depthwise_planes)(const fc_depthwise_planes *b) {
    const size_t outputs = b->count / b->dilation;
    if (b->k_h != b->k_w || b->stride > 2 || (b->stride == 2 && b->dilation > 1))
        V(each_planes_any)(b);
    else if (b->k_h == 3 && b->stride == 1 && outputs >= 2)
        V(each_planes_3_1)(b);
    else if (b->k_h == 3 && b->stride == 2 && outputs >= 1)
        V(each_planes_3_2)(b);
    else if (b->k_h == 5 && b->stride == 1 && outputs >= 4)
        V(each_planes_5_1)(b);
    else if (b->k_h == 5 && b->stride == 2 && outputs >= 2)
        V(each_planes_5_2)(b);
    else
        V(each_planes_any)(b);
}

/* to[i] = x[i * step], i < n; the loads of step 2 end at the last of them, or before. */
ALWAYS void V(deinterleave_phase)(size_t n, size_t step, const T *x, T *to) {
    size_t i = 0;
    if (step == 1) {
        for (; i + LANES <= n; i += LANES)
            V(store)(to + i, V(load)(x + i));
        if (i < n)
            V(store_n)(to + i, V(load_n)(x + i, n - i), n - i);
        return;
    }
    if (step == 2) {
        for (; i + LANES < n; i += LANES)
            V(store)(to + i, V(even)(V(load)(x + 2 * i), V(load)(x + 2 * i + LANES)));
        if (i < n) {
            const size_t left = 2 * (n - i) - 1, high = left > LANES ? left - LANES : 0;
            V(store_n)(to + i,
                V(even)(V(load_n)(x + 2 * i, left - high), V(load_n)(x + 2 * i + (high ? LANES : 0), high)), n - i);
        }
        return;
    }
    for (; i < n; i++)
        to[i] = x[i * step];
}

/* Both phases of a row of `cols` elements. */
ALWAYS void V(deinterleave_pair)(size_t cols, const T *x, T *even, T *odd) {
    for (; cols >= 2 * LANES; cols -= 2 * LANES, x += 2 * LANES, even += LANES, odd += LANES) {
        const VEC low = V(load)(x), high = V(load)(x + LANES);
        V(store)(even, V(even)(low, high));
        V(store)(odd, V(odd)(low, high));
    }
    if (cols) {
        const size_t first = cols < LANES ? cols : LANES;
        const VEC low = V(load_n)(x, first), high = V(load_n)(x + (cols > LANES ? LANES : 0), cols - first);
        V(store_n)(even, V(even)(low, high), (cols + 1) / 2);
        V(store_n)(odd, V(odd)(low, high), cols / 2);
    }
}

static void TYPED(deinterleave)(const fc_deinterleave *b) {
    const T *x = b->x;
    if (b->step == 2 && b->y[0] && b->y[1]) {
        T *even = b->y[0], *odd = b->y[1];
        for (size_t r = 0; r < b->rows; r++, x += b->x_pitch, even += b->y_pitch, odd += b->y_pitch)
            V(deinterleave_pair)(b->cols, x, even, odd);
        return;
    }
    for (size_t f = 0; f < b->step && f < b->cols; f++, x = (const T *)b->x + f) {
        const size_t n = (b->cols - f + b->step - 1) / b->step;
        T *to = b->y[f];
        for (size_t r = 0; to && r < b->rows; r++, x += b->x_pitch, to += b->y_pitch)
            if (b->step == 1)
                V(deinterleave_phase)(n, 1, x, to);
            else if (b->step == 2)
                V(deinterleave_phase)(n, 2, x, to);
            else
                V(deinterleave_phase)(n, b->step, x, to);
    }
}

/* y[i * times + k] = x[i], k < times: whole vectors, what is too much is overwritten by the next ones. */
static void TYPED(repeat)(size_t n, size_t times, const void *x_, void *y_) {
    const ANY *x = x_;
    T *y = y_;
    for (size_t i = 0; i < n; i++) {
        const VEC all = V(set1)(x[i]);
        for (size_t k = 0; k < times; k += LANES) {
            const size_t left = (n - i) * times - k;
            V(store_some)(y + i * times + k, all, left, left < LANES);
        }
    }
}
