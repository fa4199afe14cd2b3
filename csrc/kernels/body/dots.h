/* SPDX-License-Identifier: MIT */
/*
 * Direct 2-D correlation for few outputs under many taps: the lanes go along a row of taps, and neighbouring outputs
 * share its vectors. Each lane adds chains of CHAIN products, CHAIN chains make a group, and groups are added as in
 * convolve2d_many.
 */
enum { TYPED(dots_CHAIN) = 32 };

/* The lanes of a group, added in pairs, to a sum and what its additions round off. */
static inline void TYPED(dots_add)(VEC group, T *sum, T *lost) {
    T lanes[LANES];
    V(store)(lanes, group);
    for (size_t half = LANES / 2; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] = (T)(lanes[i] + lanes[i + half]);
    const T total = (T)(*sum + lanes[0]), taken = (T)(total - *sum);
    *lost = (T)(*lost + (T)(*sum - (T)(total - taken)) + (T)(lanes[0] - taken));
    *sum = total;
}

/* Ends the chain, and every CHAIN of them or at last the group. */
#define DOTS_FOLD(COLS, LAST)                             \
    for (int c = 0; c < COLS; c++) {                      \
        group[c] = V(add)(group[c], chain[c]);            \
        chain[c] = V(set1)(0);                            \
    }                                                     \
    length = 0;                                           \
    if (LAST || ++chains == TYPED(dots_CHAIN)) {          \
        for (int c = 0; c < COLS; c++) {                  \
            TYPED(dots_add)(group[c], &sum[c], &lost[c]); \
            group[c] = V(set1)(0);                        \
        }                                                 \
        chains = 0;                                       \
    }
#define DOTS_STEP(COLS, LOAD)                                                                                        \
    {                                                                                                                \
        VEC weight = LOAD(tap + k);                                                                                  \
        _Pragma("GCC unroll 4") for (int c = 0; c < COLS; c++) chain[c] = V(fma)(weight, LOAD(x + k + c), chain[c]); \
    }
#define DOTS_TILE(COLS)                                                                          \
    __attribute__((noinline)) static void TYPED(dots_##COLS)(                                    \
        const fc_convolve2d_block *b, const void *const *rows, size_t first, T *out) {           \
        const T *tap = b->taps;                                                                  \
        const size_t whole = b->k_w / LANES * LANES, n = b->k_w - whole;                         \
        VEC chain[COLS], group[COLS];                                                            \
        T sum[COLS] = {0}, lost[COLS] = {0};                                                     \
        size_t length = 0, chains = 0;                                                           \
        _Pragma("GCC unroll 4") for (int c = 0; c < COLS; c++) chain[c] = group[c] = V(set1)(0); \
        for (size_t j = 0; j < b->k_h; j++, tap += b->k_w) {                                     \
            const T *x = (const T *)rows[j] + first;                                             \
            for (size_t k = 0, end; k < whole; k = end) {                                        \
                const size_t left = (TYPED(dots_CHAIN) - length) * LANES;                        \
                end = whole - k < left ? whole : k + left;                                       \
                length += (end - k) / LANES;                                                     \
                for (; k < end; k += LANES)                                                      \
                    DOTS_STEP(COLS, V(load))                                                     \
                if (length == TYPED(dots_CHAIN)) {                                               \
                    DOTS_FOLD(COLS, 0)                                                           \
                }                                                                                \
            }                                                                                    \
            if (n) {                                                                             \
                const size_t k = whole;                                                          \
                DOTS_STEP(COLS, DOTS_LOAD_N)                                                     \
                if (++length == TYPED(dots_CHAIN)) {                                             \
                    DOTS_FOLD(COLS, 0)                                                           \
                }                                                                                \
            }                                                                                    \
        }                                                                                        \
        DOTS_FOLD(COLS, 1)                                                                       \
        for (int c = 0; c < COLS; c++)                                                           \
            sum[c] = (T)(sum[c] + (lost[c] - lost[c] == 0 ? lost[c] : 0));                       \
        memcpy(out, sum, sizeof sum); /* at any alignment */                                     \
    }
#define DOTS_LOAD_N(p) V(load_n)(p, n)
DOTS_TILE(1)
DOTS_TILE(2)
DOTS_TILE(3)
DOTS_TILE(4)
#undef DOTS_LOAD_N
#undef DOTS_TILE
#undef DOTS_FOLD
#undef DOTS_STEP

static void TYPED(dots)(const fc_convolve2d_block *b) {
    for (size_t r = 0; r < b->n_rows; r++)
        for (size_t c = 0, n; c < b->n_cols; c += n) {
            T *out = (T *)b->out + r * b->out_pitch + c;
            n = b->n_cols - c < 4 ? b->n_cols - c : 4;
            switch (n) {
            case 1:
                TYPED(dots_1)(b, b->rows + r, c, out);
                break;
            case 2:
                TYPED(dots_2)(b, b->rows + r, c, out);
                break;
            case 3:
                TYPED(dots_3)(b, b->rows + r, c, out);
                break;
            default:
                TYPED(dots_4)(b, b->rows + r, c, out);
            }
        }
}
