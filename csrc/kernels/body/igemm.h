/* SPDX-License-Identifier: MIT */
/*
 * The micro-kernel on rows that lie anywhere: nothing is packed but b. Runs of pointers, one a row and a tap, are the
 * indirection of Dukhan, "The Indirect Convolution Algorithm" (2019). The order of additions is that of t, then i, in
 * chains (chain.h), whatever the tile.
 */
/* One vector of a tile that lacks rows or columns. */
static inline void TYPED(igemm_store)(const fc_igemm_block *block, size_t r, size_t at, VEC sum) {
    const size_t n = block->cols > at ? block->cols - at : 0;
    T *row = (T *)block->c + r * block->c_pitch;
    if (block->accumulate)
        sum = V(add)(n >= LANES ? V(load)(row + at) : V(load_n)(row + at, n), sum);
    if (block->scale)
        sum = V(fma)(sum, V(load)((const T *)block->scale + at), V(load)((const T *)block->shift + at));
    if (block->added) {
        const T *added = (const T *)block->added + r * block->added_pitch + at;
        sum = V(add)(sum, n >= LANES ? V(load)(added) : V(load_n)(added, n));
    }
    if (block->relu)
        sum = V(clamp)(sum, block->ceiling);
    if (n >= LANES)
        V(store)(row + at, sum);
    else
        V(store_n)(row + at, sum, n);
}

#define IGEMM_STEP(HEIGHT, VECTORS, I)                                                                                \
    do {                                                                                                              \
        VEC columns[VECTORS];                                                                                         \
        _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) columns[j] = V(load)(b + j * LANES);                \
        _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) {                                                   \
            VEC row = V(set1)(a[r][I]);                                                                               \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) sum[r][j] = V(fma)(row, columns[j], sum[r][j]); \
        }                                                                                                             \
        b += b_pitch;                                                                                                 \
    } while (0)

/* Rows of c, and lines of a tile of c: more at once would fill the queue of misses, and loads wait. */
enum { TYPED(IGEMM_ASKED_AT_ONCE) = 3, TYPED(IGEMM_FEW_LINES) = 8 };

/* Whether a tile of c is asked for before the first step, which costs fewer issue slots than a part every four steps.
 */
static inline int TYPED(igemm_asks_first)(const int height, const int vectors) {
    enum { LINE = 64 / sizeof(T) };
    return height * ((vectors * LANES + LINE - 1) / LINE) <= TYPED(IGEMM_FEW_LINES);
}

/* How many times a call asks, once every four steps of k: each time costs issue slots that FMAs would have. */
static inline size_t TYPED(igemm_asks)(const fc_igemm_block *block, const int asks_first) {
    if (block->b_far || block->next || block->b_next)
        return (size_t)-1;
    return block->far && !asks_first ? (block->rows + TYPED(IGEMM_ASKED_AT_ONCE) - 1) / TYPED(IGEMM_ASKED_AT_ONCE) : 0;
}

/* Rows [first, end) of c, or of what will be written soon, and of what is added to them. */
static inline __attribute__((always_inline)) void TYPED(igemm_ask_rows)(
    const fc_igemm_block *block, const int vectors, size_t first, size_t end) {
    enum { LINE = 64 / sizeof(T) };
    const T *c = (const T *)((const char *)block->c + block->ahead);
    _Pragma("GCC unroll 16") for (size_t r = first; r < end; r++) _Pragma("GCC unroll 4") for (int j = 0;
        j < vectors * LANES; j += LINE) __builtin_prefetch(c + r * block->c_pitch + j, 1);
    if (!block->added)
        return;
    const T *added = (const T *)((const char *)block->added + block->ahead);
    _Pragma("GCC unroll 16") for (size_t r = first; r < end; r++) _Pragma("GCC unroll 4") for (int j = 0;
        j < vectors * LANES; j += LINE) __builtin_prefetch(added + r * block->added_pitch + j);
}

/* One ask, after `steps` others; i: the step of k in its run. */
static inline __attribute__((always_inline)) void TYPED(igemm_ask)(
    const fc_igemm_block *block, const int height, const int vectors, size_t steps, size_t i, const T *b) {
    enum { LINE = 64 / sizeof(T), SHARES = LINE / 4, AHEAD = 32, LEVEL_2 = 2, AT_ONCE = TYPED(IGEMM_ASKED_AT_ONCE) };
    if (block->far && !TYPED(igemm_asks_first)(height, vectors))
        for (size_t r = steps * AT_ONCE; r < block->rows && r < (steps + 1) * AT_ONCE; r++)
            TYPED(igemm_ask_rows)(block, vectors, r, r + 1);
    if (block->next) {
        const size_t first = i / 4 % SHARES;
        const ANY *const *next = (const ANY *const *)block->next + first;
        _Pragma("GCC unroll 8") for (int r = 0; r + SHARES <= height; r += SHARES)
            __builtin_prefetch(next[r] + i / LINE * LINE);
        if (first < (size_t)(height % SHARES))
            __builtin_prefetch(next[height / SHARES * SHARES] + i / LINE * LINE);
    }
    for (size_t k = 0; block->b_far && k < 4; k++)
        _Pragma("GCC unroll 4") for (size_t j = 0; j < (size_t)vectors * LANES; j += LINE)
            __builtin_prefetch(b + (k + AHEAD) * block->b_pitch + j);
    for (size_t line = 0; block->b_next && line < block->b_next_lines; line++)
        __builtin_prefetch((const T *)block->b_next + (steps * block->b_next_lines + line) * LINE, 0, LEVEL_2);
}

#define IGEMM_EACH(HEIGHT, VECTORS, VALUE)                    \
    _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) \
        _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) sum[r][j] = VALUE

#define IGEMM_KERNEL(HEIGHT, VECTORS)                                                                                 \
    static void TYPED(igemm_##HEIGHT##x##VECTORS)(const fc_igemm_block *block) {                                      \
        const ANY *const *a = (const ANY *const *)block->a;                                                           \
        const T *b = block->b, *start = block->start;                                                                 \
        const size_t length = block->length, b_pitch = block->b_pitch;                                                \
        const int asks_first = TYPED(igemm_asks_first)(HEIGHT, VECTORS);                                              \
        const size_t asks = TYPED(igemm_asks)(block, asks_first);                                                     \
        if (asks_first && block->far && block->rows == HEIGHT)                                                        \
            TYPED(igemm_ask_rows)(block, VECTORS, 0, HEIGHT);                                                         \
        size_t steps = 0;                                                                                             \
        VEC sum[HEIGHT][VECTORS];                                                                                     \
        CHAIN_PARTS(HEIGHT, VECTORS, block->chain ? block->chain : FC_CHAIN);                                         \
        _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) {                                                   \
            VEC first = start ? V(load)(start + j * LANES) : V(set1)(0);                                              \
            _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) sum[r][j] = first;                              \
        }                                                                                                             \
        for (size_t t = 0; t < block->runs; t++, a += HEIGHT)                                                         \
            for (size_t i = 0; i < length;) {                                                                         \
                if (!room)                                                                                            \
                    CHAIN_FOLD(HEIGHT, VECTORS);                                                                      \
                const size_t end = length - i < room ? length : i + room;                                             \
                room -= end - i;                                                                                      \
                while (i < end) {                                                                                     \
                    const int ask = steps < asks && i + 4 <= end;                                                     \
                    const size_t stop = ask ? i + 4 : end;                                                            \
                    if (ask)                                                                                          \
                        TYPED(igemm_ask)(block, HEIGHT, VECTORS, steps++, i, b);                                      \
                    for (; i + IGEMM_UNROLLED <= stop; i += IGEMM_UNROLLED)                                           \
                        _Pragma("GCC unroll 4") for (int u = 0; u < IGEMM_UNROLLED; u++)                              \
                            IGEMM_STEP(HEIGHT, VECTORS, i + u);                                                       \
                    for (; i < stop; i++)                                                                             \
                        IGEMM_STEP(HEIGHT, VECTORS, i);                                                               \
                }                                                                                                     \
            }                                                                                                         \
        CHAIN_END(HEIGHT, VECTORS);                                                                                   \
        if (block->rows == HEIGHT && block->cols >= VECTORS * LANES) {                                                \
            T *c = block->c;                                                                                          \
            const float ceiling = block->ceiling;                                                                     \
            const T *scale = block->scale, *shift = block->shift, *added = block->added;                              \
            if (block->accumulate)                                                                                    \
                IGEMM_EACH(HEIGHT, VECTORS, V(add)(V(load)(c + (size_t)r * block->c_pitch + j * LANES), sum[r][j]));  \
            if (scale)                                                                                                \
                IGEMM_EACH(                                                                                           \
                    HEIGHT, VECTORS, V(fma)(sum[r][j], V(load)(scale + j * LANES), V(load)(shift + j * LANES)));      \
            if (added)                                                                                                \
                IGEMM_EACH(                                                                                           \
                    HEIGHT, VECTORS, V(add)(sum[r][j], V(load)(added + (size_t)r * block->added_pitch + j * LANES))); \
            if (block->relu)                                                                                          \
                IGEMM_EACH(HEIGHT, VECTORS, V(clamp)(sum[r][j], ceiling));                                            \
            _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) _Pragma("GCC unroll 4") for (int j = 0;         \
                j < VECTORS; j++) V(store)(c + (size_t)r * block->c_pitch + j * LANES, sum[r][j]);                    \
            return;                                                                                                   \
        }                                                                                                             \
        _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) if ((size_t)r < block->rows)                        \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                                                 \
                TYPED(igemm_store)(block, (size_t)r, j * LANES, sum[r][j]);                                           \
    }

IGEMM_SHAPES(IGEMM_KERNEL)
#undef IGEMM_KERNEL
#undef IGEMM_EACH
#undef IGEMM_STEP

static void TYPED(igemm)(fc_igemm_tile *tiles) {
#define IGEMM_ROW(HEIGHT, VECTORS) \
    *tiles++ = (fc_igemm_tile){HEIGHT, VECTORS * LANES, VECTORS, TYPED(igemm_##HEIGHT##x##VECTORS), 0};
    IGEMM_SHAPES(IGEMM_ROW)
#undef IGEMM_ROW
    *tiles = (fc_igemm_tile){0};
}
