/* SPDX-License-Identifier: MIT */
/*
 * Direct 2-D correlation of a block: a tile of ROWS output rows x VECTORS column vectors stays in registers while its
 * source rows pass by. A source vector, loaded once, serves every output row whose window covers it; `lo` and `hi` are
 * the first and last of them, compile-time constants in each case, so that no tap outside the kernel is ever
 * multiplied. Every output adds its products in the same order, whatever the tile: rows outermost, from the first tap
 * on or, backwards (unfused), from the last. `step` is the distance of neighbouring taps' columns: of complex numbers
 * each part is a column of its own. Tiles are not inlined: next to their caller's variables the loop counters do not
 * fit the registers. Cells are of type SOURCE, and come as T by the words S(load) and S(load_n); unless the includer
 * says otherwise, they are of T. MULTIPLY_ADD is the word fma unless the includer defines it (convolve2d_unfused.h).
 */
#ifndef SOURCE
#define SOURCE T
#define S(word) V(word)
#endif
#ifdef MULTIPLY_ADD
#define CONVOLVE2D_LINES 0
#define CONVOLVE2D_BACK (how & TYPED(convolve2d_BACKWARDS))
#define CONVOLVE2D_WHOLE 81 /* few of them are not 0, and their order is what counts */
#define CONVOLVE2D_PASS 81
#else
#define CONVOLVE2D_LINES 1
#define MULTIPLY_ADD(a, b, c) V(fma)(a, b, c)
#define CONVOLVE2D_BACK 0
#define CONVOLVE2D_WHOLE 30
#define CONVOLVE2D_PASS 24
#endif
#define CONVOLVE2D_STEP(LO, HI, VECTORS, LOAD)                                                                  \
    case LO * 4 + HI:                                                                                           \
        do {                                                                                                    \
            VEC column[VECTORS];                                                                                \
            _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++) column[v] = V(hold)(LOAD(x + v * LANES)); \
            _Pragma("GCC unroll 4") for (int r = LO; r <= HI; r++) {                                            \
                VEC weight = V(set1)(*(tap - r));                                                               \
                _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++)                                       \
                    sum[r][v] = MULTIPLY_ADD(weight, column[v], sum[r][v]);                                     \
            }                                                                                                   \
            x += across;                                                                                        \
            tap += next;                                                                                        \
        } while (tap != stop);                                                                                  \
        break;
/* clang-format off */
#define CONVOLVE2D_STEPS_1(VECTORS, LOAD) CONVOLVE2D_STEP(0, 0, VECTORS, LOAD)
#define CONVOLVE2D_STEPS_4(VECTORS, LOAD) \
    CONVOLVE2D_STEP(0, 0, VECTORS, LOAD) CONVOLVE2D_STEP(0, 1, VECTORS, LOAD) CONVOLVE2D_STEP(0, 2, VECTORS, LOAD) \
    CONVOLVE2D_STEP(0, 3, VECTORS, LOAD) CONVOLVE2D_STEP(1, 1, VECTORS, LOAD) CONVOLVE2D_STEP(1, 2, VECTORS, LOAD) \
    CONVOLVE2D_STEP(1, 3, VECTORS, LOAD) CONVOLVE2D_STEP(2, 2, VECTORS, LOAD) CONVOLVE2D_STEP(2, 3, VECTORS, LOAD) \
    CONVOLVE2D_STEP(3, 3, VECTORS, LOAD)
/* clang-format on */

/* The room as numbers in memory, as the compiler takes them: in registers they would push out the sums. */
static inline T *TYPED(convolve2d_kept)(VEC *room) {
    T *kept = (T *)room;
    __asm__("" : "+r"(kept) : : "memory");
    return kept;
}

#define CONVOLVE2D_TILE(NAME, ROWS, VECTORS, LOAD, STORE, FOLDS)                                                    \
    __attribute__((noinline)) static void TYPED(convolve2d_##NAME)(const T *taps, size_t tap_pitch, size_t k_h,     \
        size_t k_w, const void *const *rows, size_t first, size_t step, size_t n, T *out, size_t out_pitch,         \
        unsigned fold, int how) {                                                                                   \
        const int back = CONVOLVE2D_BACK;                                                                           \
        const ptrdiff_t across = back ? -(ptrdiff_t)step : (ptrdiff_t)step;                                         \
        const ptrdiff_t next = back ? -(ptrdiff_t)tap_pitch : (ptrdiff_t)tap_pitch;                                 \
        const size_t last = back ? k_w - 1 : 0;                                                                     \
        const ptrdiff_t span = next * (ptrdiff_t)k_w;                                                               \
        VEC sum[ROWS][VECTORS], room[FOLDS ? ROWS * VECTORS : 1];                                                   \
        T *const before = FOLDS ? TYPED(convolve2d_kept)(room) : NULL;                                              \
        unsigned phase = 0, folds[ROWS];                                                                            \
        (void)fold;                                                                                                 \
        (void)n;                                                                                                    \
        (void)how;                                                                                                  \
        _Pragma("GCC unroll 4") for (int r = 0; r < ROWS; r++)                                                      \
            _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++) sum[r][v] = V(set1)(0);                       \
        for (unsigned r = 0; FOLDS && r < ROWS; r++)                                                                \
            folds[r] = (back ? ROWS - 1 - r : r) % fold;                                                            \
        for (size_t i = 0; i < k_h + ROWS - 1; i++) {                                                               \
            const size_t s = back ? k_h + ROWS - 2 - i : i;                                                         \
            const SOURCE *x = (const SOURCE *)rows[s] + first + last * step;                                        \
            const T *tap = taps + s + last * tap_pitch, *const stop = tap + span;                                   \
            size_t lo = s < k_h ? 0 : s - k_h + 1, hi = s < ROWS ? s : ROWS - 1;                                    \
            switch (lo * 4 + hi) { CONVOLVE2D_STEPS_##ROWS(VECTORS, LOAD) }                                         \
            if (!FOLDS)                                                                                             \
                continue;                                                                                           \
            phase = phase + 1 == fold ? 0 : phase + 1;                                                              \
            if (phase >= ROWS)                                                                                      \
                continue;                                                                                           \
            _Pragma("GCC unroll 4") for (int r = 0; r < ROWS;                                                       \
                r++) if (folds[r] == phase && i - (size_t)(back ? ROWS - 1 - r : r) < k_h - 1) {                    \
                const int begins = i - (size_t)(back ? ROWS - 1 - r : r) < fold;                                    \
                _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++) {                                         \
                    T *const kept = before + (r * VECTORS + v) * LANES;                                             \
                    V(store)(kept, begins ? sum[r][v] : V(add)(V(load)(kept), sum[r][v]));                          \
                    sum[r][v] = V(set1)(0);                                                                         \
                }                                                                                                   \
            }                                                                                                       \
        }                                                                                                           \
        if (FOLDS && k_h > fold)                                                                                    \
            _Pragma("GCC unroll 4") for (int r = 0; r < ROWS; r++) _Pragma("GCC unroll 4") for (int v = 0;          \
                v < VECTORS; v++) sum[r][v] = V(add)(V(load)(before + (r * VECTORS + v) * LANES), sum[r][v]);       \
        _Pragma("GCC unroll 4") for (int r = 0; r < ROWS; r++) _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; \
            v++) STORE(out + (size_t)r * out_pitch + v * LANES, sum[r][v]);                                         \
    }

/*
 * How a tile stores: past the caches or added to what is there; and in which order products are added.
 * Equal terms drift by up to a quarter of a rounding each, after a great one by a whole one. So one chain is at most
 * WHOLE products long, in a pass of column or rows PASS; more are summed in chains of CHAIN and these in GROUPs.
 */
enum {
    TYPED(convolve2d_STREAMS) = 1,
    TYPED(convolve2d_ADDS) = 2,
    TYPED(convolve2d_BACKWARDS) = 4,
    TYPED(convolve2d_WHOLE) = CONVOLVE2D_WHOLE,
    TYPED(convolve2d_PASS) = CONVOLVE2D_PASS,
    TYPED(convolve2d_CHAIN) = 24,
    TYPED(convolve2d_GROUP) = 16,
    TYPED(convolve2d_FACTORS) = 4
};

/*
 * 3 vectors are what 16 registers hold: 12 sums, 3 columns, a weight. Of 32, more than 4 gain nothing: measured,
 * float32. Both widths are whole complex numbers, even where a vector has one lane.
 */
enum {
    TYPED(convolve2d_WIDE) = LANES < 2 ? 2
        : sizeof(VEC) > sizeof(vf32)   ? VEC_REGISTERS / 16
        : VEC_REGISTERS < 32           ? 3
                                       : 4,
    TYPED(convolve2d_NARROW) = LANES < 2 ? 2 : 1
};
#define CONVOLVE2D_LOAD_N(p) S(load_n)(p, n)
#define CONVOLVE2D_STORE_N(p, v) V(store_n)(p, v, n)
#define CONVOLVE2D_STORE(p, v) (how & TYPED(convolve2d_STREAMS) ? V(stream)(p, v) : V(store)(p, v))
#define CONVOLVE2D_SUM(v, load) (how & TYPED(convolve2d_ADDS) ? V(add)(load, v) : v)
#define CONVOLVE2D_ADD_N(p, v) V(store_n)(p, CONVOLVE2D_SUM(v, V(load_n)(p, n)), n)
#define CONVOLVE2D_ADD(p, v) \
    (how & TYPED(convolve2d_STREAMS) ? V(stream)(p, v) : V(store)(p, CONVOLVE2D_SUM(v, V(load)(p))))
CONVOLVE2D_TILE(wide_4, 4, TYPED(convolve2d_WIDE), S(load), CONVOLVE2D_STORE, 0)
CONVOLVE2D_TILE(wide_1, 1, TYPED(convolve2d_WIDE), S(load), CONVOLVE2D_STORE, 0)
CONVOLVE2D_TILE(narrow_4, 4, TYPED(convolve2d_NARROW), S(load), V(store), 0)
CONVOLVE2D_TILE(narrow_1, 1, TYPED(convolve2d_NARROW), S(load), V(store), 0)
CONVOLVE2D_TILE(masked_4, 4, 1, CONVOLVE2D_LOAD_N, CONVOLVE2D_STORE_N, 0)
CONVOLVE2D_TILE(masked_1, 1, 1, CONVOLVE2D_LOAD_N, CONVOLVE2D_STORE_N, 0)
CONVOLVE2D_TILE(folded_wide_4, 4, TYPED(convolve2d_WIDE), S(load), CONVOLVE2D_ADD, 1)
CONVOLVE2D_TILE(folded_wide_1, 1, TYPED(convolve2d_WIDE), S(load), CONVOLVE2D_ADD, 1)
CONVOLVE2D_TILE(folded_narrow_4, 4, TYPED(convolve2d_NARROW), S(load), CONVOLVE2D_ADD, 1)
CONVOLVE2D_TILE(folded_narrow_1, 1, TYPED(convolve2d_NARROW), S(load), CONVOLVE2D_ADD, 1)
CONVOLVE2D_TILE(folded_masked_4, 4, 1, CONVOLVE2D_LOAD_N, CONVOLVE2D_ADD_N, 1)
CONVOLVE2D_TILE(folded_masked_1, 1, 1, CONVOLVE2D_LOAD_N, CONVOLVE2D_ADD_N, 1)
#undef CONVOLVE2D_LOAD_N
#undef CONVOLVE2D_STORE_N
#undef CONVOLVE2D_STORE
#undef CONVOLVE2D_SUM
#undef CONVOLVE2D_ADD_N
#undef CONVOLVE2D_ADD
#undef CONVOLVE2D_TILE
#undef CONVOLVE2D_STEPS_4
#undef CONVOLVE2D_STEPS_1
#undef CONVOLVE2D_STEP

/* One tile of 4 or 1 rows and a width that TYPED(convolve2d_width) gave; fold: as convolve2d_cut gives it, or 0. */
static void TYPED(convolve2d_tile)(const T *taps, size_t tap_pitch, size_t k_h, size_t k_w, const void *const *rows,
    size_t n_rows, size_t first, size_t step, size_t width, T *out, size_t out_pitch, unsigned fold, int how) {
#define CONVOLVE2D_CALL(NAME) \
    TYPED(convolve2d_##NAME)(taps, tap_pitch, k_h, k_w, rows, first, step, width, out, out_pitch, fold, how)
#define CONVOLVE2D_RUN(NAME)                                                                   \
    if (fold)                                                                                  \
        n_rows == 4 ? CONVOLVE2D_CALL(folded_##NAME##_4) : CONVOLVE2D_CALL(folded_##NAME##_1); \
    else                                                                                       \
        n_rows == 4 ? CONVOLVE2D_CALL(NAME##_4) : CONVOLVE2D_CALL(NAME##_1);
    if (width == TYPED(convolve2d_WIDE) * LANES) {
        CONVOLVE2D_RUN(wide)
    } else if (width == TYPED(convolve2d_NARROW) * LANES) {
        CONVOLVE2D_RUN(narrow)
    } else {
        CONVOLVE2D_RUN(masked)
    }
#undef CONVOLVE2D_RUN
#undef CONVOLVE2D_CALL
}

/*
 * Pieces of a kernel, of rows that a tile folds together, `fold` of them, into at most GROUP sums; fold 0: one chain.
 * One column falls into chains of like lengths. A longer chain serves where so few are needed that no output is rounded
 * more often.
 */
typedef struct TYPED(convolve2d_pieces) {
    size_t h, w, down, count;
    unsigned fold;
} TYPED(convolve2d_pieces);
static TYPED(convolve2d_pieces) TYPED(convolve2d_cut)(size_t k_h, size_t k_w) {
    enum { WHOLE = TYPED(convolve2d_WHOLE), CHAIN = TYPED(convolve2d_CHAIN), GROUP = TYPED(convolve2d_GROUP) };
    const int integral = (T)0.5 == 0, pass = k_w == 1 || k_h <= TYPED(convolve2d_FACTORS);
    if (integral || k_h * k_w <= (pass ? TYPED(convolve2d_PASS) : WHOLE))
        return (TYPED(convolve2d_pieces)){k_h, k_w, 1, 1, 0};
    const size_t across = (k_w + CHAIN - 1) / CHAIN, w = (k_w + across - 1) / across, longer = WHOLE / w;
    size_t fold = CHAIN / w;
    if (k_w == 1) {
        const size_t chains = (k_h + CHAIN - 1) / CHAIN;
        fold = (k_h + chains - 1) / chains;
    } else if (across == 1 && longer * w + (k_h + longer - 1) / longer <= CHAIN + GROUP)
        fold = longer;
    const size_t h = GROUP * fold, down = (k_h + h - 1) / h;
    return (TYPED(convolve2d_pieces)){h, w, down, down * across, (unsigned)fold};
}

#if CONVOLVE2D_LINES
#include "kernels/body/convolve2d_lines.h"

/* A tile of 4 rows of WIDE vectors, where the kernel is a line. */
static inline int TYPED(convolve2d_line)(const TYPED(convolve2d_pieces) * p, const T *taps, size_t k_h, size_t k_w,
    const void *const *rows, size_t first, size_t step, T *out, size_t out_pitch, int how) {
    if (k_w == 1 && k_h >= 3)
        (p->fold ? TYPED(convolve2d_folded_column) : TYPED(convolve2d_whole_column))(
            taps, k_h, rows, first, out, out_pitch, p->fold, how);
    else if (k_h == 1)
        (p->fold ? TYPED(convolve2d_folded_row) : TYPED(convolve2d_whole_row))(
            taps, k_w, rows, first, step, out, out_pitch, p->w, how);
    else
        return 0;
    return 1;
}
#else
static inline int TYPED(convolve2d_line)(const TYPED(convolve2d_pieces) * p, const T *taps, size_t k_h, size_t k_w,
    const void *const *rows, size_t first, size_t step, T *out, size_t out_pitch, int how) {
    (void)p, (void)taps, (void)k_h, (void)k_w, (void)rows, (void)first, (void)step, (void)out, (void)out_pitch;
    (void)how;
    return 0;
}
#endif

/* The same tile as the sum of the pieces from <= piece < end. */
static void TYPED(convolve2d_some)(const TYPED(convolve2d_pieces) * p, size_t from, size_t end, const T *taps,
    size_t k_h, size_t k_w, const void *const *rows, size_t n_rows, size_t first, size_t step, size_t width, T *out,
    size_t out_pitch, int how) {
    for (size_t piece = from; piece < end; piece++) {
        const size_t j = piece % p->down * p->h, k = piece / p->down * p->w;
        TYPED(convolve2d_tile)(taps + k * k_h + j, k_h, k_h - j < p->h ? k_h - j : p->h,
            k_w - k < p->w ? k_w - k : p->w, rows + j, n_rows, first + k * step, step, width, out, out_pitch, p->fold,
            (how & ~TYPED(convolve2d_STREAMS)) | (piece > from ? TYPED(convolve2d_ADDS) : 0));
    }
}

/*
 * The same tile where pieces are many: groups of them added with what their addition rounds off (D. E. Knuth, "The Art
 * of Computer Programming", volume 2, section 4.2.2, theorem B), so that kernels of any size keep to the same error.
 * Beyond infinity nothing was rounded off.
 */
static void TYPED(convolve2d_many)(const TYPED(convolve2d_pieces) * p, const T *taps, size_t k_h, size_t k_w,
    const void *const *rows, size_t n_rows, size_t first, size_t step, size_t width, T *out, size_t out_pitch,
    int how) {
    enum { NUMBERS = 4 * TYPED(convolve2d_WIDE) * LANES, GROUP = TYPED(convolve2d_GROUP) };
    T sum[NUMBERS] = {0}, lost[NUMBERS] = {0}, part[NUMBERS];
    for (size_t piece = 0; piece < p->count; piece += GROUP) {
        const size_t end = p->count - piece < GROUP ? p->count : piece + GROUP;
        TYPED(convolve2d_some)(p, piece, end, taps, k_h, k_w, rows, n_rows, first, step, width, part, width, how);
        for (size_t i = 0; i < n_rows * width; i++) {
            const T total = sum[i] + part[i], taken = total - sum[i];
            lost[i] += (sum[i] - (total - taken)) + (part[i] - taken);
            sum[i] = total;
        }
    }
    for (size_t i = 0; i < n_rows * width; i++)
        sum[i] += lost[i] - lost[i] == 0 ? lost[i] : 0;
    for (size_t r = 0; r < n_rows; r++)
        memcpy(out + r * out_pitch, sum + r * width, width * sizeof(T));
}

static inline void TYPED(convolve2d_any)(const TYPED(convolve2d_pieces) * p, const T *taps, size_t k_h, size_t k_w,
    const void *const *rows, size_t n_rows, size_t first, size_t step, size_t width, T *out, size_t out_pitch,
    int how) {
    const int whole = n_rows == 4 && width == TYPED(convolve2d_WIDE) * LANES;
    if (p->count > TYPED(convolve2d_GROUP) || (k_w == 1 && p->count > 1))
        TYPED(convolve2d_many)(p, taps, k_h, k_w, rows, n_rows, first, step, width, out, out_pitch, how);
    else if (whole && TYPED(convolve2d_line)(p, taps, k_h, k_w, rows, first, step, out, out_pitch, how))
        return;
    else if (p->count > 1)
        TYPED(convolve2d_some)(p, 0, p->count, taps, k_h, k_w, rows, n_rows, first, step, width, out, out_pitch, how);
    else
        TYPED(convolve2d_tile)(taps, k_h, k_h, k_w, rows, n_rows, first, step, width, out, out_pitch, p->fold, how);
}

/*
 * Columns of the tile at *first of `total`. A last tile that would be cut short moves back over columns already done,
 * which then get the same bits again: cheaper than masks.
 */
static inline size_t TYPED(convolve2d_width)(size_t *first, size_t total) {
    const size_t wide = TYPED(convolve2d_WIDE) * LANES, narrow = TYPED(convolve2d_NARROW) * LANES;
    size_t left = total - *first, width = left > narrow && total >= wide ? wide : narrow;
    if (left >= width)
        return width;
    if (total < narrow)
        return left < LANES ? left : LANES;
    *first = total - width;
    return width;
}

/* A line written partly past the caches and partly not would cost several times a plain store. */
static void TYPED(convolve2d_rows)(const fc_convolve2d_block *b) {
    enum { LINE = 64 / sizeof(T), SOURCE_LINE = 64 / sizeof(SOURCE) };
    const TYPED(convolve2d_pieces) pieces = TYPED(convolve2d_cut)(b->k_h, b->k_w);
    for (size_t r = 0, n; r < b->n_rows; r += n) {
        n = b->n_rows - r < 4 ? 1 : 4;
        const size_t rest = b->n_rows + b->ahead - r - n, ahead = rest < 4 ? rest : 4;
        for (size_t first = 0, width; first < b->n_cols; first += width) {
            width = TYPED(convolve2d_width)(&first, b->n_cols);
            for (size_t i = 0; i < ahead; i++)
                for (size_t at = 0; at < width; at += SOURCE_LINE)
                    __builtin_prefetch((const SOURCE *)b->rows[r + n + b->k_h - 1 + i] + first + at, 0, 2);
            T *out = (T *)b->out + r * b->out_pitch + first;
            const int whole = (uintptr_t)out % 64 == 0 && b->out_pitch % LINE == 0 && width % LINE == 0;
            TYPED(convolve2d_any)(&pieces, b->taps, b->k_h, b->k_w, b->rows + r, n, first, b->step, width, out,
                b->out_pitch,
                (b->streams && whole ? TYPED(convolve2d_STREAMS) : 0) |
                    (b->backwards ? TYPED(convolve2d_BACKWARDS) : 0));
        }
    }
}

/* Quarters of a single row by a row of taps are as four rows. Past the caches one stream is faster than four. */
static void TYPED(convolve2d)(const fc_convolve2d_block *b) {
    enum { LINE = 64 / sizeof(T), LEAST = 4 * TYPED(convolve2d_WIDE) * LANES };
    const size_t quarter = b->n_cols / 4 / LINE * LINE, rest = b->n_cols - 4 * quarter;
    if (b->n_rows > 1 || b->k_h > 1 || quarter < LEAST || b->streams) {
        TYPED(convolve2d_rows)(b);
        return;
    }
    const SOURCE *const row = (const SOURCE *)b->rows[0];
    const void *const rows[] = {row, row + quarter, row + 2 * quarter, row + 3 * quarter, row + 4 * quarter};
    fc_convolve2d_block part = *b;
    part.rows = rows;
    part.n_rows = 4;
    part.n_cols = part.out_pitch = quarter;
    part.ahead = 0;
    TYPED(convolve2d_rows)(&part);
    part.rows = rows + 4;
    part.n_rows = 1;
    part.n_cols = rest;
    part.out = (T *)b->out + 4 * quarter;
    if (rest)
        TYPED(convolve2d_rows)(&part);
}
#undef SOURCE
#undef S
#undef MULTIPLY_ADD
#undef CONVOLVE2D_BACK
#undef CONVOLVE2D_LINES
#undef CONVOLVE2D_WHOLE
#undef CONVOLVE2D_PASS
