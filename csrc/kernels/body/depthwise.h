/* SPDX-License-Identifier: MIT */
/*
 * Depthwise convolution with channels as lanes; depthwise_planes.h has columns as lanes. Both roll: positions of the
 * input are met in order, each is loaded once and added to all outputs whose window covers it, and the oldest output is
 * stored when its window is complete. With K taps and stride S along the rolling axis, A = ceil(K / S) outputs are open
 * at a time:
 *
 *     acc[r][a], output `step - (A - 1) + a` of output row r, takes tap S * (A - 1 - a) + f from position S * step + f.
 *
 * The first and the last A - 1 steps leave out the outputs that do not exist. An output's sum runs over positions, then
 * over the vectors of a position, here as in the general kernels.
 */
#define ALWAYS static inline __attribute__((always_inline))

ALWAYS VEC V(relu_of)(VEC v, int relu, float ceiling) { return relu ? V(clamp)(v, ceiling) : v; }
ALWAYS VEC V(load_some)(const T *p, size_t n, int tail) { return tail ? V(load_n)(p, n) : V(load)(p); }
ALWAYS void V(store_some)(T *p, VEC v, size_t n, int tail) {
    if (tail)
        V(store_n)(p, v, n);
    else
        V(store)(p, v);
}

/* One step of outputs FROM <= a < TO; FETCH(K, S, R) fills v[] from the position, ADVANCE goes to the next one. */
#define ROLL_STEP(K, S, R, FROM, TO, FETCH, ADVANCE)                                                 \
    _Pragma("GCC unroll 2") for (int f = 0; f < S; f++) {                                            \
        if (S * (A - (TO)) + f < K) {                                                                \
            VEC v[K + R - 1];                                                                        \
            FETCH(K, S, R);                                                                          \
            _Pragma("GCC unroll 8") for (int s = 0; s < K; s++)                                      \
                _Pragma("GCC unroll 8") for (int a = (FROM); a < (TO); a++)                          \
                    _Pragma("GCC unroll 2") for (int r = 0; r < R; r++) if (S * (A - 1 - a) + f < K) \
                        acc[r][a] = V(fma)(v[s + r], w[S * (A - 1 - a) + f][s], acc[r][a]);          \
        }                                                                                            \
        ADVANCE;                                                                                     \
    }

#define ROLL_SHIFT(R)                                                                      \
    _Pragma("GCC unroll 2") for (int r = 0; r < R; r++) {                                  \
        _Pragma("GCC unroll 8") for (int a = 0; a + 1 < A; a++) acc[r][a] = acc[r][a + 1]; \
        acc[r][A - 1] = start;                                                             \
    }

/* `outputs` >= A - 1 of them; STORE(r, v) writes the next one of row r, NEXT goes on. */
#define ROLL(K, S, R, FETCH, ADVANCE, STORE, NEXT)                                                              \
    do {                                                                                                        \
        VEC acc[R][A];                                                                                          \
        _Pragma("GCC unroll 2") for (int r = 0; r < R; r++) _Pragma("GCC unroll 8") for (int a = 0; a < A; a++) \
            acc[r][a] = start;                                                                                  \
        ROLL_FIRST(1, K, S, R, FETCH, ADVANCE)                                                                  \
        ROLL_FIRST(2, K, S, R, FETCH, ADVANCE)                                                                  \
        ROLL_FIRST(3, K, S, R, FETCH, ADVANCE)                                                                  \
        ROLL_FIRST(4, K, S, R, FETCH, ADVANCE)                                                                  \
        for (size_t i = A - 1; i < outputs; i++) {                                                              \
            ROLL_STEP(K, S, R, 0, A, FETCH, ADVANCE)                                                            \
            ROLL_OUT(R, STORE, NEXT)                                                                            \
        }                                                                                                       \
        ROLL_LAST(1, K, S, R, FETCH, ADVANCE, STORE, NEXT)                                                      \
        ROLL_LAST(2, K, S, R, FETCH, ADVANCE, STORE, NEXT)                                                      \
        ROLL_LAST(3, K, S, R, FETCH, ADVANCE, STORE, NEXT)                                                      \
        ROLL_LAST(4, K, S, R, FETCH, ADVANCE, STORE, NEXT)                                                      \
    } while (0)
#define ROLL_FIRST(E, K, S, R, FETCH, ADVANCE)       \
    if (A > E) {                                     \
        ROLL_STEP(K, S, R, A - E, A, FETCH, ADVANCE) \
        ROLL_SHIFT(R)                                \
    }
#define ROLL_LAST(E, K, S, R, FETCH, ADVANCE, STORE, NEXT) \
    if (A > E) {                                           \
        ROLL_STEP(K, S, R, 0, A - E, FETCH, ADVANCE)       \
        ROLL_OUT(R, STORE, NEXT)                           \
    }
#define ROLL_OUT(R, STORE, NEXT)                                                                        \
    _Pragma("GCC unroll 2") for (int r = 0; r < R; r++) STORE(r, V(relu_of)(acc[r][0], relu, ceiling)); \
    NEXT;                                                                                               \
    ROLL_SHIFT(R)

/* A column of the input: its cells in K + R - 1 rows. */
#define CELLS_FETCH(K, S, R)                                                                                 \
    _Pragma("GCC unroll 8") for (int s = 0; s < K + R - 1; s++) v[s] = V(set1)(0);                           \
    if ((size_t)x < width)                                                                                   \
        _Pragma("GCC unroll 8") for (int s = 0; s < K + R - 1; s++) v[s] = V(load_some)(at[s] + x, n, tail); \
    _Pragma("GCC unroll 8") for (int s = 0; s < K + R - 1; s++) __builtin_prefetch(at[s] + x + ahead)
#define CELLS_STORE(r, value) V(store_some)(y + (r) * y_row, value, n, tail)

/* Dilation, for stride 1 only, is that many interleaved rows. */
#define CELLS_KERNEL(K, S, R)                                                                                   \
    ALWAYS void V(cells_##K##_##S##_##R)(const fc_depthwise_cells *b, size_t c, size_t n, int tail) {           \
        enum { A = (K + S - 1) / S };                                                                           \
        const ptrdiff_t dilation = S == 1 ? b->dilation : 1, count = (ptrdiff_t)b->count;                       \
        const VEC start = b->start ? V(load_some)((const T *)b->start + c, n, tail) : V(set1)(0);               \
        const int relu = b->relu;                                                                               \
        const float ceiling = b->ceiling;                                                                       \
        VEC w[K][K];                                                                                            \
        _Pragma("GCC unroll 8") for (int t = 0; t < K; t++) _Pragma("GCC unroll 8") for (int s = 0; s < K; s++) \
            w[t][s] = V(load_some)((const T *)b->w + (size_t)(s * K + t) * b->w_pitch + c, n, tail);            \
        for (ptrdiff_t phase = 0; phase < dilation && phase < count; phase++) {                                 \
            const size_t outputs = (size_t)((count - phase + dilation - 1) / dilation);                         \
            const ptrdiff_t y_move = dilation * b->y_pitch, y_row = b->y_row_pitch;                             \
            T *y = (T *)b->y + phase * b->y_pitch + c;                                                          \
            const size_t width = (size_t)(b->width * b->x_pitch);                                               \
            const ptrdiff_t move = dilation * b->x_pitch;                                                       \
            const ptrdiff_t ahead = 6 * move;                                                                   \
            ptrdiff_t x = (b->first + phase) * b->x_pitch;                                                      \
            const T *at[K + R - 1];                                                                             \
            _Pragma("GCC unroll 8") for (int s = 0; s < K + R - 1; s++) at[s] = (const T *)b->rows[s] + c;      \
            ROLL(K, S, R, CELLS_FETCH, x += move, CELLS_STORE, y += y_move);                                    \
        }                                                                                                       \
    }
CELLS_KERNEL(3, 1, 1)
CELLS_KERNEL(3, 1, 2)
CELLS_KERNEL(3, 2, 1)
CELLS_KERNEL(5, 1, 1)
CELLS_KERNEL(5, 1, 2)
CELLS_KERNEL(5, 2, 1)
#undef CELLS_KERNEL
#undef CELLS_FETCH
#undef CELLS_STORE

/* Any window, CELLS_AT_ONCE outputs of a row share each weight. */
enum { V(CELLS_AT_ONCE) = 4 };
ALWAYS void V(cells_any)(const fc_depthwise_cells *b, size_t c, size_t n, int tail) {
    const ptrdiff_t last_tap = (ptrdiff_t)(b->k_w - 1) * b->dilation;
    const VEC start = b->start ? V(load_some)((const T *)b->start + c, n, tail) : V(set1)(0);
    for (size_t j = 0; j < b->count; j += V(CELLS_AT_ONCE)) {
        const ptrdiff_t outs = b->count - j < V(CELLS_AT_ONCE) ? (ptrdiff_t)(b->count - j) : V(CELLS_AT_ONCE);
        const ptrdiff_t x0 = b->first + (ptrdiff_t)j * b->stride;
        const int inside = outs == V(CELLS_AT_ONCE) && x0 >= 0 && x0 + (outs - 1) * b->stride + last_tap < b->width;
        VEC sum[1][V(CELLS_AT_ONCE)];
        CHAIN_PARTS(1, V(CELLS_AT_ONCE), FC_CHAIN);
        for (int o = 0; o < V(CELLS_AT_ONCE); o++)
            sum[0][o] = start;
        for (size_t t = 0; t < b->k_w; t++)
            for (size_t s = 0; s < b->k_h; s++, room--) {
                if (!room)
                    CHAIN_FOLD(1, V(CELLS_AT_ONCE));
                const VEC w = V(load_some)((const T *)b->w + (s * b->k_w + t) * b->w_pitch + c, n, tail);
                const ptrdiff_t first = x0 + (ptrdiff_t)t * b->dilation, pitch = b->x_pitch;
                const T *row = (const T *)b->rows[s] + c;
                if (inside) {
                    row += first * pitch;
                    _Pragma("GCC unroll 4") for (int o = 0; o < V(CELLS_AT_ONCE); o++)
                        sum[0][o] = V(fma)(V(load_some)(row + o * b->stride * pitch, n, tail), w, sum[0][o]);
                    continue;
                }
                _Pragma("GCC unroll 4") for (int o = 0; o < V(CELLS_AT_ONCE); o++) {
                    const ptrdiff_t x = first + o * b->stride;
                    const VEC cell = o < outs && x >= 0 && x < b->width ? V(load_some)(row + x * pitch, n, tail)
                                                                        : V(set1)(0);
                    sum[0][o] = V(fma)(cell, w, sum[0][o]);
                }
            }
        CHAIN_END(1, V(CELLS_AT_ONCE));
        for (ptrdiff_t o = 0; o < outs; o++)
            V(store_some)(
                (T *)b->y + ((ptrdiff_t)j + o) * b->y_pitch + c, V(relu_of)(sum[0][o], b->relu, b->ceiling), n, tail);
    }
}

/*
 * A function each: their registers would not fit into one. Outputs are taken some columns at a time, so that what one
 * vector of channels brought into L1 is still there for the next: cache lines are shared where the tensor is not
 * aligned.
 */
enum { V(CELLS_TILE) = 32 };
#define CELLS_EACH(name)                                                                                       \
    static __attribute__((noinline)) void V(each_##name)(const fc_depthwise_cells *whole) {                    \
        const size_t most = (size_t)whole->dilation * (whole->stride < 2 ? V(CELLS_TILE) : V(CELLS_TILE) / 2); \
        const size_t tiles = (whole->count + most - 1) / most, tile = (whole->count + tiles - 1) / tiles;      \
        fc_depthwise_cells part = *whole, *b = &part;                                                          \
        for (size_t j = 0; j < whole->count; j += tile) {                                                      \
            size_t c = 0;                                                                                      \
            part.first = whole->first + (ptrdiff_t)j * whole->stride;                                          \
            part.count = whole->count - j < tile ? whole->count - j : tile;                                    \
            part.y = (T *)whole->y + (ptrdiff_t)j * whole->y_pitch;                                            \
            for (; c + LANES <= b->channels; c += LANES)                                                       \
                V(name)(b, c, LANES, 0);                                                                       \
            if (c < b->channels)                                                                               \
                V(name)(b, c, b->channels - c, 1);                                                             \
        }                                                                                                      \
    }
CELLS_EACH(cells_3_1_1)
CELLS_EACH(cells_3_1_2)
CELLS_EACH(cells_3_2_1)
CELLS_EACH(cells_5_1_1)
CELLS_EACH(cells_5_1_2)
CELLS_EACH(cells_5_2_1)
CELLS_EACH(cells_any)
#undef CELLS_EACH

/* The kernel for one row, or for two. */
static inline fc_depthwise_cells_fn *V(cells_kernel)(const fc_depthwise_cells *b, size_t out_rows) {
    const size_t outputs = b->count / (size_t)b->dilation;
    if (b->k_h != b->k_w || b->stride > 2 || (b->stride == 2 && b->dilation > 1))
        return V(each_cells_any);
    if (b->k_w == 3 && b->stride == 1 && outputs >= 2)
        return out_rows == 2 ? V(each_cells_3_1_2) : V(each_cells_3_1_1);
    if (b->k_w == 5 && b->stride == 1 && outputs >= 4)
        return out_rows == 2 ? V(each_cells_5_1_2) : V(each_cells_5_1_1);
    if (b->k_w == 3 && b->stride == 2 && outputs >= 1)
        return V(each_cells_3_2_1);
    if (b->k_w == 5 && b->stride == 2 && outputs >= 2)
        return V(each_cells_5_2_1);
    return V(each_cells_any);
}

static void TYPED(depthwise_cells)(const fc_depthwise_cells *block) {
    fc_depthwise_cells row = *block;
    fc_depthwise_cells_fn *one = V(cells_kernel)(block, 1), *two = V(cells_kernel)(block, 2);
    if (block->out_rows == 2 && two != one) {
        two(block);
        return;
    }
    for (size_t r = 0; r < block->out_rows; r++) {
        one(&row);
        row.rows++;
        row.y = (T *)row.y + row.y_row_pitch;
    }
}
