/* SPDX-License-Identifier: MIT */
/*
 * Filters of integers by integer taps, a row at a time: sums down the columns into a line, sums along the line, rounded
 * as they are stored. All sums are exact, so that each result is rounded once. The last vector of a row reaches back
 * over the one before: results do not depend on it.
 */
typedef int32_t fx32 __attribute__((vector_size(sizeof(vi32))));
typedef float fx32_float __attribute__((vector_size(sizeof(vi32))));
typedef int16_t fx32_half __attribute__((vector_size(sizeof(vi32) / 2)));
enum { FX32_LANES = sizeof(fx32) / sizeof(int32_t), FX16_LANES = 2 * FX32_LANES };
typedef uint16_t fx_any_u16 __attribute__((aligned(1)));
typedef int16_t fx_any_i16 __attribute__((aligned(1)));
#define FX_INLINE static inline __attribute__((always_inline))

FX_INLINE fx32 fx32_load_b32(const void *p) {
    fx32 v;
    memcpy(&v, p, sizeof v);
    return v;
}
FX_INLINE fx32 fx32_load_i16(const void *p) {
    fx32_half v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, fx32);
}
FX_INLINE fx32 fx32_load_u16(const void *p) { return (fx32)vi32_load_u16(p); }
FX_INLINE vb16 fx16_load_u8(const void *p) { return (vb16)vi16_load_u8(p); }
FX_INLINE vb16 fx16_load_b16(const void *p) {
    vb16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* `sum` of products of k taps with the vectors at AT(j); taps of one size multiply the sum or difference of two cells.
 */
#define FX_SUM(VEC, NUMBER, LOAD, AT)                                \
    VEC sum = {0};                                                   \
    if (symmetry) {                                                  \
        for (size_t j = 0; j < k / 2; j++) {                         \
            const VEC a = LOAD(AT(j)), b = LOAD(AT(k - 1 - j));      \
            sum += (symmetry > 0 ? a + b : a - b) * (NUMBER)taps[j]; \
        }                                                            \
        if (k % 2 && symmetry > 0)                                   \
            sum += LOAD(AT(k / 2)) * (NUMBER)taps[k / 2];            \
    } else                                                           \
        for (size_t j = 0; j < k; j++)                               \
            sum += LOAD(AT(j)) * (NUMBER)taps[j];

/* Loops of their own for the usual sizes, which keep pointers and taps in registers. */
enum { FX_USUAL = 7 };
#define FX_CHOOSE(RUN, T, argument)         \
    switch ((T).symmetry > 0 ? (T).k : 0) { \
    case 3:                                 \
        RUN(argument, 3, 1);                \
        return;                             \
    case 5:                                 \
        RUN(argument, 5, 1);                \
        return;                             \
    case 7:                                 \
        RUN(argument, 7, 1);                \
        return;                             \
    }                                       \
    if ((T).k == 3 && (T).symmetry < 0)     \
        RUN(argument, 3, -1);               \
    else if ((T).symmetry)                  \
        RUN(argument, (T).k, (T).symmetry); \
    else                                    \
        RUN(argument, (T).k, 0);

#define FX_ROW(j) ((const FX_SOURCE *)rows[j] + i)
#define FX_COLUMNS(NAME, OUT, VEC, NUMBER, LOAD)                                                \
    FX_INLINE void FC_NAME(columns_##NAME)(const fc_fixed_columns *c, size_t k, int symmetry) { \
        enum { LANES_ = sizeof(VEC) / sizeof(OUT) };                                            \
        const void *kept[FX_USUAL];                                                             \
        int32_t kept_taps[FX_USUAL];                                                            \
        const void *const *rows = c->rows;                                                      \
        const int32_t *taps = c->column.taps;                                                   \
        if (__builtin_constant_p(k)) {                                                          \
            memcpy(kept, rows, k * sizeof *kept);                                               \
            memcpy(kept_taps, taps, k * sizeof *taps);                                          \
            rows = kept;                                                                        \
            taps = kept_taps;                                                                   \
        }                                                                                       \
        OUT *out = c->out;                                                                      \
        for (size_t i = 0; c->n >= LANES_ && i < c->n; i += LANES_) {                           \
            i = i + LANES_ > c->n ? c->n - LANES_ : i;                                          \
            FX_SUM(VEC, NUMBER, LOAD, FX_ROW)                                                   \
            memcpy(out + i, &sum, sizeof sum);                                                  \
        }                                                                                       \
        for (size_t i = 0; c->n < LANES_ && i < c->n; i++) {                                    \
            uint32_t sum = 0;                                                                   \
            for (size_t j = 0; j < k; j++)                                                      \
                sum += (uint32_t)*FX_ROW(j) * (uint32_t)taps[j];                                \
            out[i] = (OUT)sum;                                                                  \
        }                                                                                       \
    }                                                                                           \
    static void FC_NAME(fixed_columns_##NAME)(const fc_fixed_columns *c) {                      \
        FX_CHOOSE(FC_NAME(columns_##NAME), c->column, c)                                        \
    }
#define FX_SOURCE uint8_t
FX_COLUMNS(u8, int16_t, vb16, uint16_t, fx16_load_u8)
#undef FX_SOURCE
#define FX_SOURCE fx_any_u16
FX_COLUMNS(u16, int32_t, fx32, int32_t, fx32_load_u16)
#undef FX_SOURCE
#define FX_SOURCE fx_any_i16
FX_COLUMNS(i16, int32_t, fx32, int32_t, fx32_load_i16)
#undef FX_SOURCE
#undef FX_COLUMNS
#undef FX_ROW

#define FX_SLIDE_COLUMNS(NAME, SOURCE)                                              \
    static void FC_NAME(fixed_slide_##NAME)(                                        \
        const void *enter_, const void *leave_, int32_t *restrict sums, size_t n) { \
        const SOURCE *restrict enter = enter_, *restrict leave = leave_;            \
        if (leave)                                                                  \
            for (size_t i = 0; i < n; i++)                                          \
                sums[i] += enter[i] - leave[i];                                     \
        else                                                                        \
            for (size_t i = 0; i < n; i++)                                          \
                sums[i] += enter[i];                                                \
    }
FX_SLIDE_COLUMNS(u16, fx_any_u16)
FX_SLIDE_COLUMNS(i16, fx_any_i16)
#undef FX_SLIDE_COLUMNS

/* The bits of x + 1.5 * 2^23 end with the integer that x is rounded to. */
FX_INLINE fx32 fx32_rounded(fx32_float x) { return (fx32)(x + 0x1.8p23f) - 0x4b400000; }

/* The quotient in float is off by one at most: what is left of the sum says which way. */
FX_INLINE fx32 fx32_divided(fx32 x, const fc_fixed_finish *f) {
    const fx32 q = fx32_rounded(__builtin_convertvector(x, fx32_float) * f->scale);
    const fx32 twice = 2 * (x - q * f->divisor), odd = q & 1;
    return q - (twice + odd > f->divisor) + (twice - odd < -f->divisor);
}

FX_INLINE fx32 fx32_finished(fx32 x, const fc_fixed_finish *f) {
    if (f->rounding == FC_FIXED_DIVIDE)
        return fx32_divided(x, f);
    if (f->rounding == FC_FIXED_SCALE)
        return fx32_rounded(__builtin_convertvector(x, fx32_float) * f->scale);
    if (!f->shift)
        return x;
    return (x + ((1 << (f->shift - 1)) - 1) + ((x >> f->shift) & 1)) >> f->shift;
}

/* FX16_LANES results from sums in two vectors. */
FX_INLINE void fx32_store(fx32 a, fx32 b, const fc_fixed_finish *f, void *out) {
    if (f->result == FC_F32) {
        const fx32_float low = __builtin_convertvector(a, fx32_float) * f->scale,
                         high = __builtin_convertvector(b, fx32_float) * f->scale;
        memcpy(out, &low, sizeof low);
        memcpy((float *)out + FX32_LANES, &high, sizeof high);
        return;
    }
    a = fx32_finished(a, f);
    b = fx32_finished(b, f);
    if (f->result != FC_I16) {
        a = (fx32)vi32_max((vi32)a, vi32_set1(0));
        b = (fx32)vi32_max((vi32)b, vi32_set1(0));
    }
    const vi16 both = vi16_low_halves((vi32)a, (vi32)b);
    if (f->result == FC_U8)
        vi16_store_u8(out, both);
    else
        memcpy(out, &both, sizeof both);
}

/* FX16_LANES results from sums in 16 bits. */
FX_INLINE void fx16_store(vb16 sum, const fc_fixed_finish *f, void *out) {
    if (f->result == FC_I16) {
        memcpy(out, &sum, sizeof sum);
        return;
    }
    if (f->scaling.multiplier) {
        const vb16 left = sum << f->scaling.left, multiplier = vb16_set1(f->scaling.multiplier);
        sum = ((vb16)vi16_mulhi((vi16)left, (vi16)multiplier) + f->scaling.bias) >> f->scaling.right;
    } else if (f->shift)
        sum = (sum + (uint16_t)((1 << (f->shift - 1)) - 1) + ((sum >> f->shift) & 1)) >> f->shift;
    vi16_store_u8(out, (vi16)sum);
}

/* Blocks of FX16_LANES results, of which the last one goes through a buffer where fewer are wanted. */
#define FX_ROWS(NAME, BLOCK)                                                              \
    FX_INLINE void FC_NAME(rows_##NAME)(const fc_fixed_rows *r, size_t k, int symmetry) { \
        const fc_fixed_finish finish = r->finish;                                         \
        const size_t size = fc_fixed_result_size(finish.result);                          \
        int32_t kept[FX_USUAL];                                                           \
        const int32_t *taps = r->row.taps;                                                \
        unsigned char *out = r->out;                                                      \
        if (__builtin_constant_p(k))                                                      \
            taps = memcpy(kept, taps, k * sizeof *taps);                                  \
        size_t at = 0;                                                                    \
        for (; at + FX16_LANES <= r->n; at += FX16_LANES, out += FX16_LANES * size)       \
            BLOCK(r, taps, k, symmetry, at, &finish, out);                                \
        if (at < r->n) {                                                                  \
            uint32_t last[FX16_LANES];                                                    \
            BLOCK(r, taps, k, symmetry, at, &finish, last);                               \
            memcpy(out, last, (r->n - at) * size);                                        \
        }                                                                                 \
    }                                                                                     \
    static void FC_NAME(fixed_rows_##NAME)(const fc_fixed_rows *r) { FX_CHOOSE(FC_NAME(rows_##NAME), r->row, r) }

#define FX_CELL(j) (line + (j) * r->step)
#define FX_WIDE_BLOCK(NAME, NUMBER, LOAD)                                                                     \
    FX_INLINE fx32 FC_NAME(sum_##NAME)(                                                                       \
        const fc_fixed_rows *r, const int32_t *taps, size_t k, int symmetry, size_t at) {                     \
        const NUMBER *line = (const NUMBER *)r->line + at;                                                    \
        if (sizeof(NUMBER) == sizeof(int16_t) && symmetry)                                                    \
            return FC_NAME(sum_pairs)((const int16_t *)(const void *)line, taps, k, r->step, symmetry);       \
        FX_SUM(fx32, int32_t, LOAD, FX_CELL)                                                                  \
        return sum;                                                                                           \
    }                                                                                                         \
    FX_INLINE void FC_NAME(block_##NAME)(const fc_fixed_rows *r, const int32_t *taps, size_t k, int symmetry, \
        size_t at, const fc_fixed_finish *finish, void *out) {                                                \
        fx32_store(FC_NAME(sum_##NAME)(r, taps, k, symmetry, at),                                             \
            FC_NAME(sum_##NAME)(r, taps, k, symmetry, at + FX32_LANES), finish, out);                         \
    }
/* Two cells of a symmetric row meet in 16 bits, before they are widened. */
FX_INLINE fx32 FC_NAME(sum_pairs)(const int16_t *line, const int32_t *taps, size_t k, size_t step, int symmetry) {
    fx32 sum = {0};
    for (size_t j = 0; j < k / 2; j++) {
        fx32_half a, b;
        memcpy(&a, line + j * step, sizeof a);
        memcpy(&b, line + (k - 1 - j) * step, sizeof b);
        sum += __builtin_convertvector(symmetry > 0 ? a + b : a - b, fx32) * taps[j];
    }
    if (k % 2 && symmetry > 0)
        sum += fx32_load_i16(line + k / 2 * step) * taps[k / 2];
    return sum;
}
FX_WIDE_BLOCK(i16, int16_t, fx32_load_i16)
FX_WIDE_BLOCK(i32, int32_t, fx32_load_b32)
#undef FX_WIDE_BLOCK

FX_INLINE void FC_NAME(block_narrow)(const fc_fixed_rows *r, const int32_t *taps, size_t k, int symmetry, size_t at,
    const fc_fixed_finish *finish, void *out) {
    const int16_t *line = (const int16_t *)r->line + at;
    FX_SUM(vb16, uint16_t, fx16_load_b16, FX_CELL)
    fx16_store(sum, finish, out);
}
#undef FX_CELL

FX_ROWS(i16, FC_NAME(block_i16))
FX_ROWS(i32, FC_NAME(block_i32))
FX_ROWS(narrow, FC_NAME(block_narrow))
#undef FX_ROWS
#undef FX_SUM
#undef FX_CHOOSE

/* Running sums of what enters and leaves a window, of pixels of `step` numbers; a chain for each of a few. */
FX_INLINE void FC_NAME(add_changes)(const int32_t *restrict changes, size_t step, int32_t *restrict windows, size_t n) {
    int32_t sums[3];
    memcpy(sums, windows, step * sizeof *sums);
    for (size_t i = step; i + step <= n; i += step)
#pragma GCC unroll 4
        for (size_t c = 0; c < step; c++) {
            sums[c] += changes[i - step + c];
            windows[i + c] = sums[c];
        }
}

/* Of pixels of four numbers, which are a vector of their own. */
typedef int32_t fx32_pixel __attribute__((vector_size(4 * sizeof(int32_t))));
FX_INLINE void FC_NAME(add_pixels)(const int32_t *changes, int32_t *windows, size_t n) {
    fx32_pixel sums, change;
    memcpy(&sums, windows, sizeof sums);
    for (size_t i = 4; i < n; i += 4) {
        memcpy(&change, changes + i - 4, sizeof change);
        sums += change;
        memcpy(windows + i, &sums, sizeof sums);
    }
}

static void FC_NAME(add_lanes)(const int32_t *changes, int32_t *windows, size_t n) {
    fx32 before = (fx32){0} + windows[0];
    for (size_t i = 1; i < n; i += FX32_LANES) {
        const fx32 sums = before + (fx32)vb32_add_up((vb32)fx32_load_b32(changes + i - 1));
        memcpy(windows + i, &sums, sizeof sums);
        before = (fx32){0} + sums[FX32_LANES - 1];
    }
}

#define FX_WINDOWS(NAME, NUMBER)                                                        \
    static void FC_NAME(fixed_windows_##NAME)(const fc_fixed_windows *b) {              \
        const NUMBER *restrict line = b->line, *restrict enter = line + b->k * b->step; \
        int32_t *restrict changes = b->temp, *restrict windows = b->windows;            \
        for (size_t i = 0; i + b->step < b->n; i++)                                     \
            changes[i] = enter[i] - line[i];                                            \
        for (size_t c = 0; c < b->step; c++) {                                          \
            windows[c] = 0;                                                             \
            for (size_t j = 0; j < b->k; j++)                                           \
                windows[c] += line[j * b->step + c];                                    \
        }                                                                               \
        if (b->step == 1)                                                               \
            FC_NAME(add_lanes)(changes, windows, b->n);                                 \
        else if (b->step == 2)                                                          \
            FC_NAME(add_changes)(changes, 2, windows, b->n);                            \
        else if (b->step == 3)                                                          \
            FC_NAME(add_changes)(changes, 3, windows, b->n);                            \
        else if (b->step == 4)                                                          \
            FC_NAME(add_pixels)(changes, windows, b->n);                                \
        else                                                                            \
            for (size_t i = b->step; i < b->n; i++)                                     \
                windows[i] = windows[i - b->step] + changes[i - b->step];               \
    }
FX_WINDOWS(i16, int16_t)
FX_WINDOWS(i32, int32_t)
#undef FX_WINDOWS
#undef FX_INLINE
