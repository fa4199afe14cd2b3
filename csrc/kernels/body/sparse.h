/* SPDX-License-Identifier: MIT */
/*
 * Kernels most of whose taps are 0: a row of outputs at a time, each of the others' taps with cells of its own. Chains
 * as in convolve2d.h. With SPARSE_PAIRS (differences.h) a tap weighs the difference of two cells and every product is
 * rounded before it is added. 0 times each sum is added up: NaN where one is not finite.
 */
#ifdef SPARSE_PAIRS
#define SPARSE_NAME(slot) TYPED(differences##slot)
#define SPARSE_CELL(x, y) V(sub)(x, y)
#define SPARSE_ADD(a, b, c) V(add)(V(mul)(a, b), c)
enum { SPARSE_NAME(_CELLS) = 2 };
#else
#define SPARSE_NAME(slot) TYPED(sparse##slot)
#define SPARSE_CELL(x, y) x
#define SPARSE_ADD(a, b, c) V(fma)(a, b, c)
enum { SPARSE_NAME(_CELLS) = 1 };
#endif
enum { SPARSE_NAME(_WIDE) = 8, SPARSE_NAME(_HALF) = 4 };
#define SPARSE_EACH(VECTORS) _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++)
#define SPARSE_TILE(NAME, VECTORS, LOAD, STORE)                                                                  \
    static inline __attribute__((always_inline)) void SPARSE_NAME(_##NAME)(const fc_sparse_block *b,             \
        const void *const *rows, size_t first, size_t n, int streams, T *out, VEC *watched) {                    \
        VEC chain[VECTORS], room[VECTORS];                                                                       \
        T *const before = TYPED(convolve2d_kept)(room);                                                          \
        (void)n, (void)streams;                                                                                  \
        SPARSE_EACH(VECTORS) chain[v] = V(set1)(0);                                                              \
        for (size_t t = 0, end; t < b->n_taps;) {                                                                \
            const int begins = t == 0;                                                                           \
            end = b->n_taps - t < TYPED(convolve2d_CHAIN) ? b->n_taps : t + TYPED(convolve2d_CHAIN);             \
            for (; t < end; t++) {                                                                               \
                const fc_sparse_place *place = b->places + t * SPARSE_NAME(_CELLS),                              \
                                      *other = place + SPARSE_NAME(_CELLS) - 1;                                  \
                const T *x = (const T *)rows[place->row] + place->offset + first,                                \
                        *y = (const T *)rows[other->row] + other->offset + first;                                \
                const VEC weight = V(set1)(((const T *)b->taps)[t]);                                             \
                (void)y;                                                                                         \
                SPARSE_EACH(VECTORS)                                                                             \
                chain[v] = SPARSE_ADD(weight, SPARSE_CELL(LOAD(x + v * LANES), LOAD(y + v * LANES)), chain[v]);  \
            }                                                                                                    \
            if (begins && end == b->n_taps)                                                                      \
                break;                                                                                           \
            SPARSE_EACH(VECTORS) {                                                                               \
                V(store)(before + v * LANES, begins ? chain[v] : V(add)(V(load)(before + v * LANES), chain[v])); \
                chain[v] = end < b->n_taps ? V(set1)(0) : V(load)(before + v * LANES);                           \
            }                                                                                                    \
        }                                                                                                        \
        if ((T)0.5 != 0)                                                                                         \
            SPARSE_EACH(VECTORS) watched[v & 1] = V(fma)(chain[v], V(set1)(0), watched[v & 1]);                  \
        SPARSE_EACH(VECTORS) STORE(out + first + v * LANES, chain[v]);                                           \
    }
#define SPARSE_LOAD_N(p) V(load_n)(p, n)
#define SPARSE_STORE_N(p, v) V(store_n)(p, v, n)
#define SPARSE_STORE(p, v) (streams ? V(stream)(p, v) : V(store)(p, v))
SPARSE_TILE(wide, SPARSE_NAME(_WIDE), V(load), SPARSE_STORE)
SPARSE_TILE(half, SPARSE_NAME(_HALF), V(load), SPARSE_STORE)
SPARSE_TILE(narrow, 1, V(load), SPARSE_STORE)
SPARSE_TILE(masked, 1, SPARSE_LOAD_N, SPARSE_STORE_N)
#undef SPARSE_LOAD_N
#undef SPARSE_STORE_N
#undef SPARSE_STORE
#undef SPARSE_TILE
#undef SPARSE_EACH
#undef SPARSE_CELL
#undef SPARSE_ADD

/* A tile of so many vectors; `whole`: the row lies so that aligned tiles may be written past the caches. */
static inline void SPARSE_NAME(_tile)(
    const fc_sparse_block *b, const void *const *rows, size_t first, size_t width, int whole, T *out, VEC *watched) {
    const int streams = whole && (uintptr_t)(out + first) % 64 == 0 && width * sizeof(T) % 64 == 0;
    if (width == SPARSE_NAME(_WIDE) * LANES)
        SPARSE_NAME(_wide)(b, rows, first, 0, streams, out, watched);
    else if (width == SPARSE_NAME(_HALF) * LANES)
        SPARSE_NAME(_half)(b, rows, first, 0, streams, out, watched);
    else if (width == LANES)
        SPARSE_NAME(_narrow)(b, rows, first, 0, streams, out, watched);
    else if (width < LANES) /* always: said for GCC 11, which takes the copies to reach beyond a lane */
        SPARSE_NAME(_masked)(b, rows, first, width, 0, out, watched);
}

/* The widest tile that fits `left` of `total` columns, or one that moves back over at most as many as are left. */
static inline size_t SPARSE_NAME(_width)(size_t left, size_t total) {
    enum { WIDE = SPARSE_NAME(_WIDE) * LANES, HALF = SPARSE_NAME(_HALF) * LANES };
    if (left >= WIDE || (left > HALF && total >= WIDE))
        return WIDE;
    if (left >= HALF || (left > 2 * LANES && total >= HALF))
        return HALF;
    return total < LANES ? left : LANES;
}

/* A last tile that would be cut short moves back over columns already done, which then get the same bits again. */
static int SPARSE_NAME()(const fc_sparse_block *b) {
    enum { LINE = 64 / sizeof(T), ROWS = 4, AHEAD = 4 };
    const int whole = b->streams && b->out_pitch % LINE == 0;
    VEC watched[2] = {V(set1)(0), V(set1)(0)};
    T seen[LANES];
    int finite = 1;
    for (size_t top = 0, n; top < b->n_rows; top += n) {
        n = b->n_rows - top < ROWS ? b->n_rows - top : ROWS;
        for (size_t first = 0, width; first < b->n_cols; first += width) {
            const size_t left = b->n_cols - first;
            width = SPARSE_NAME(_width)(left, b->n_cols);
            const size_t at = left < width ? b->n_cols - width : first;
            for (size_t r = top; r < top + n; r++) {
                const void *const *rows = b->rows + r;
                for (size_t c = at; r + AHEAD < b->n_rows + b->ahead && c < at + width; c += LINE)
                    __builtin_prefetch((const T *)rows[b->deepest + AHEAD] + c, 0, 2);
                SPARSE_NAME(_tile)(b, rows, at, width, whole, (T *)b->out + r * b->out_pitch, watched);
            }
        }
    }
    V(store)(seen, V(add)(watched[0], watched[1]));
    for (size_t i = 0; i < LANES; i++)
        finite &= seen[i] == 0;
    return finite;
}
#undef SPARSE_NAME
