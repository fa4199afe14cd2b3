/* SPDX-License-Identifier: MIT */
/*
 * Factors by elimination with full pivoting (the adaptive cross approximation with the largest pivot: M. Bebendorf,
 * "Approximation of boundary element matrices", Numerische Mathematik 86, 2000), in double. What is left over is held
 * against the rounding of the taps, of all and of each: an outer product of Gaussians, rounded to float, has rank one
 * up to that.
 *
 * Kernels of integers, among them floats that are integers times a power of two, have a factor only if it is exact:
 * what was exact by the definition stays so.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/caller.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/factor.h"

enum { MOST_FACTORS = 4 };
static const double SMALL = 0x1p-500; /* taps below it have products that are rounded once more */

size_t fc_factor_most(fc_dtype dtype, double gain) {
    if (dtype == FC_BOOL || dtype == FC_LONGDOUBLE || dtype == FC_CLONGDOUBLE || gain < 1)
        return 0;
    return dtype < FC_F16 ? 1 : gain < MOST_FACTORS ? (size_t)gain : MOST_FACTORS;
}

/* ---------------------------------------------------------------- integers */

static uint64_t magnitude(int64_t x) { return x < 0 ? -(uint64_t)x : (uint64_t)x; }

/* The column and the row whose product is k, all modulo 2^64; 0 where there are none. Taps are read as signed numbers.
 */
static int integer_factor(const int64_t *k, size_t k_h, size_t k_w, int64_t *column, int64_t *row) {
    size_t at = 0;
    while (at < k_h * k_w && !k[at])
        at++;
    if (at == k_h * k_w)
        return 0;
    const int64_t *first = k + at / k_w * k_w;
    uint64_t common = 0;
    for (size_t i = 0; i < k_w; i++)
        common = fc_gcd(magnitude(first[i]), common);
    for (size_t i = 0; i < k_w; i++)
        row[i] = first[i] < 0 ? (int64_t)-(magnitude(first[i]) / common) : (int64_t)(magnitude(first[i]) / common);
    for (size_t j = 0; j < k_h; j++) {
        column[j] = row[at % k_w] == -1 ? (int64_t)-(uint64_t)k[j * k_w + at % k_w]
                                        : k[j * k_w + at % k_w] / row[at % k_w];
        for (size_t i = 0; i < k_w; i++)
            if ((uint64_t)column[j] * (uint64_t)row[i] != (uint64_t)k[j * k_w + i])
                return 0;
    }
    return 1;
}

#define INTEGERS(X)   \
    X(FC_I8, int8_t)  \
    X(FC_U8, uint8_t) \
    X(FC_I16, int16_t) X(FC_U16, uint16_t) X(FC_I32, int32_t) X(FC_U32, uint32_t) X(FC_I64, int64_t) X(FC_U64, uint64_t)

static void read_integers(fc_dtype dtype, const void *from, size_t count, int64_t *to) {
#define READ(word, type)                   \
    if (dtype == word)                     \
        for (size_t i = 0; i < count; i++) \
            to[i] = (int64_t)((const type *)from)[i];
    INTEGERS(READ)
#undef READ
}

static void write_integers(fc_dtype dtype, const int64_t *from, size_t count, void *to) {
#define WRITE(word, type)                  \
    if (dtype == word)                     \
        for (size_t i = 0; i < count; i++) \
            ((type *)to)[i] = (type)from[i];
    INTEGERS(WRITE)
#undef WRITE
}

/* ---------------------------------------------------------------- floating point */

/* Complex matrices as two planes; im is NULL for real ones. */
typedef struct planes {
    double *re, *im;
} planes;

static double size_of(const planes *p, size_t i) { return fabs(p->re[i]) + (p->im ? fabs(p->im[i]) : 0); }

static double total(const planes *p, size_t count, size_t *largest) {
    double sum = 0;
    *largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double size = size_of(p, i);
        sum += size;
        if (size > size_of(p, *largest))
            *largest = i;
    }
    return sum;
}

/* column = the pivot's column over the pivot, row = the pivot's row; rest -= column x row. */
static void eliminate(planes *rest, size_t k_h, size_t k_w, size_t pivot, planes column, planes row) {
    const size_t p = pivot / k_w, q = pivot % k_w;
    const double re = rest->re[pivot], im = rest->im ? rest->im[pivot] : 0, norm = re * re + im * im;
    for (size_t i = 0; i < k_w; i++) {
        row.re[i] = rest->re[p * k_w + i];
        row.im[i] = rest->im ? rest->im[p * k_w + i] : 0;
    }
    for (size_t j = 0; j < k_h; j++) {
        const double x = rest->re[j * k_w + q], y = rest->im ? rest->im[j * k_w + q] : 0;
        column.re[j] = rest->im ? (x * re + y * im) / norm : x / re;
        column.im[j] = rest->im ? (y * re - x * im) / norm : 0;
    }
    for (size_t j = 0; j < k_h; j++)
        for (size_t i = 0; i < k_w; i++) {
            rest->re[j * k_w + i] -= column.re[j] * row.re[i] - column.im[j] * row.im[i];
            if (rest->im)
                rest->im[j * k_w + i] -= column.re[j] * row.im[i] + column.im[j] * row.re[i];
        }
    rest->re[pivot] = 0;
    if (rest->im)
        rest->im[pivot] = 0;
}

/* Moves a power of two from the column to the row, so that the column, which comes first, sums to a magnitude between
 * 1/2 and 1. */
static void balance(planes column, planes row, size_t k_h, size_t k_w) {
    size_t largest;
    int exponent;
    frexp(total(&column, k_h, &largest), &exponent);
    for (size_t j = 0; j < k_h; j++) {
        column.re[j] = ldexp(column.re[j], -exponent);
        column.im[j] = ldexp(column.im[j], -exponent);
    }
    for (size_t i = 0; i < k_w; i++) {
        row.re[i] = ldexp(row.re[i], exponent);
        row.im[i] = ldexp(row.im[i], exponent);
    }
}

static void write_floats(fc_dtype dtype, planes from, size_t count, size_t at, size_t step, void *to) {
    for (size_t i = 0; i < count; i++, at += step)
        switch (dtype) {
        case FC_F32:
            ((float *)to)[at] = (float)from.re[i];
            break;
        case FC_F64:
            ((double *)to)[at] = from.re[i];
            break;
        case FC_C64:
            ((float *)to)[2 * at] = (float)from.re[i];
            ((float *)to)[2 * at + 1] = (float)from.im[i];
            break;
        default:
            ((double *)to)[2 * at] = from.re[i];
            ((double *)to)[2 * at + 1] = from.im[i];
        }
}

static void read_floats(fc_dtype dtype, const void *from, size_t count, planes to) {
    for (size_t i = 0; i < count; i++)
        switch (dtype) {
        case FC_F32:
            to.re[i] = ((const float *)from)[i];
            break;
        case FC_F64:
            to.re[i] = ((const double *)from)[i];
            break;
        case FC_C64:
            to.re[i] = ((const float *)from)[2 * i];
            to.im[i] = ((const float *)from)[2 * i + 1];
            break;
        default:
            to.re[i] = ((const double *)from)[2 * i];
            to.im[i] = ((const double *)from)[2 * i + 1];
        }
}

/* The exponent of the lowest bit that is set in x, a normal number other than 0. */
static int lowest_bit(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint64_t mantissa = (bits & ((1ull << 52) - 1)) | 1ull << 52;
    return (int)(bits >> 52 & 2047) - 1075 + __builtin_ctzll(mantissa);
}

/* The taps as integers times 2^-shift, where they are that and small. */
static int as_integers(const double *taps, size_t count, int64_t *to, int *shift) {
    int lowest = INT32_MAX;
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        if (taps[i] == 0)
            continue;
        if (fabs(taps[i]) < DBL_MIN)
            return 0;
        const int bit = lowest_bit(taps[i]);
        lowest = bit < lowest ? bit : lowest;
        most = fmax(most, fabs(taps[i]));
        if (most > ldexp(0x1p20, lowest))
            return 0;
    }
    if (lowest == INT32_MAX)
        return 0;
    *shift = -lowest;
    const double scale = ldexp(1, *shift);
    if (!isfinite(scale))
        return 0;
    for (size_t i = 0; i < count; i++)
        to[i] = (int64_t)(taps[i] * scale);
    return 1;
}

typedef struct workspace {
    planes rest, column, row;
    double *written; /* columns and rows as they were written, and two rows of sums */
    int64_t *integers, *integer_column, *integer_row;
} workspace;

static fc_status make_workspace(size_t k_h, size_t k_w, int is_complex, workspace *w, void **memory) {
    size_t bytes;
    const size_t written = MOST_FACTORS * (k_h + k_w) + 2 * k_w;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)(3 * (k_h * k_w + k_h + k_w) + written), sizeof(double)}, 2, &bytes));
    double *p = *memory = fc_scratch_alloc(bytes);
    if (!p)
        return FC_OUT_OF_MEMORY;
    w->rest = (planes){p, is_complex ? p + k_h * k_w : NULL};
    w->integers = (int64_t *)(p + 2 * k_h * k_w);
    p += 3 * k_h * k_w;
    w->column = (planes){p, p + k_h};
    w->integer_column = (int64_t *)(p + 2 * k_h);
    w->row = (planes){p + 3 * k_h, p + 3 * k_h + k_w};
    w->integer_row = (int64_t *)(p + 3 * k_h + 2 * k_w);
    w->written = p + 3 * (k_h + k_w);
    return FC_OK;
}

/* A float kernel of integers times 2^-shift. */
static size_t exact_factor(
    fc_dtype dtype, const workspace *w, size_t k_h, size_t k_w, int shift, size_t most, void *columns, void *rows) {
    if (!integer_factor(w->integers, k_h, k_w, w->integer_column, w->integer_row))
        return 0;
    for (size_t j = 0; j < k_h; j++) {
        w->column.re[j] = ldexp((double)w->integer_column[j], -shift);
        w->column.im[j] = 0;
    }
    for (size_t i = 0; i < k_w; i++) {
        w->row.re[i] = (double)w->integer_row[i];
        w->row.im[i] = 0;
    }
    balance(w->column, w->row, k_h, k_w);
    write_floats(dtype, w->column, k_h, 0, most, columns);
    write_floats(dtype, w->row, k_w, 0, 1, rows);
    return 1;
}

/* What a tap may be off, beside its products: shares of it, and digits that are lost. */
typedef struct tap_room {
    double off, cancel, lost;
} tap_room;

/* Of factors as they were written. */
typedef struct written {
    fc_dtype dtype;
    const char *kernel, *columns, *rows;
    size_t k_w, rank, most;
} written;

/* Whether a tap comes from its products as it should; scaled up, as products of subnormal numbers would be rounded. */
static int keeps_tap(const written *f, size_t at, const tap_room *room) {
    const size_t step = fc_dtype_size(f->dtype);
    double tap[2] = {0}, sum[2] = {0}, spread = 0;
    read_floats(f->dtype, f->kernel + at * step, 1, (planes){tap, tap + 1});
    const double scale = hypot(tap[0], tap[1]) < SMALL ? 1 / SMALL : 1;
    for (size_t r = 0; r < f->rank; r++) {
        double c[2] = {0}, row[2] = {0};
        read_floats(f->dtype, f->columns + (at / f->k_w * f->most + r) * step, 1, (planes){c, c + 1});
        read_floats(f->dtype, f->rows + (r * f->k_w + at % f->k_w) * step, 1, (planes){row, row + 1});
        row[0] *= scale;
        row[1] *= scale;
        sum[0] += c[0] * row[0] - c[1] * row[1];
        sum[1] += c[0] * row[1] + c[1] * row[0];
        spread += hypot(c[0], c[1]) * hypot(row[0], row[1]);
    }
    const double size = hypot(tap[0], tap[1]) * scale, lost = room->lost * scale;
    return hypot(sum[0] - tap[0] * scale, sum[1] - tap[1] * scale) <= room->off * size + lost &&
        spread <= room->cancel * size + lost;
}

/* Whether all taps of a row of a real kernel do, none of them small; sums, spreads: room for a row each. */
static int keeps_row(const double *taps, const double *columns, const double *rows, size_t k_w, size_t rank,
    const tap_room *room, double *sums, double *spreads) {
    int small = 0, kept = 1;
    memset(sums, 0, k_w * sizeof *sums);
    memset(spreads, 0, k_w * sizeof *spreads);
    for (size_t r = 0; r < rank; r++)
        for (size_t i = 0; i < k_w; i++) {
            const double product = columns[r] * rows[r * k_w + i];
            sums[i] += product;
            spreads[i] += fabs(product);
        }
    for (size_t i = 0; i < k_w; i++) {
        const double size = fabs(taps[i]);
        small |= size < SMALL;
        kept &= (fabs(sums[i] - taps[i]) <= room->off * size + room->lost) &
            (spreads[i] <= room->cancel * size + room->lost);
    }
    return kept && !small;
}

/*
 * Whether every tap comes from its products with the rounding of the definition: what small taps lose counts where an
 * image meets them alone, and products that cancel leave their own rounding. all: the sum of the taps' sizes.
 */
static int keep_taps(const written *f, const workspace *w, size_t k_h, double all) {
    const int is_complex = f->dtype == FC_C64 || f->dtype == FC_C128,
              is_float = f->dtype == FC_F32 || f->dtype == FC_C64;
    const double eps = is_float ? 0x1p-24 : 0x1p-53, least = is_float ? 0x1p-149 : 0x1p-1074;
    /* A subnormal digit is nothing beside the kernel, unless all of its taps are about as small. */
    const tap_room room = {.off = 16 * eps, .cancel = 4, .lost = all * eps * eps >= least ? least : 0};
    double *columns = w->written, *rows = columns + f->most * k_h, *sums = rows + f->most * f->k_w;
    if (!is_complex) {
        read_floats(f->dtype, f->kernel, k_h * f->k_w, w->rest);
        read_floats(f->dtype, f->columns, f->most * k_h, (planes){columns, NULL});
        read_floats(f->dtype, f->rows, f->rank * f->k_w, (planes){rows, NULL});
    }
    for (size_t j = 0; j < k_h; j++) {
        if (!is_complex &&
            keeps_row(
                w->rest.re + j * f->k_w, columns + j * f->most, rows, f->k_w, f->rank, &room, sums, sums + f->k_w))
            continue;
        for (size_t i = 0; i < f->k_w; i++)
            if (!keeps_tap(f, j * f->k_w + i, &room))
                return 0;
    }
    return 1;
}

static size_t float_factors(
    fc_dtype dtype, const void *kernel, workspace *w, size_t k_h, size_t k_w, size_t most, void *columns, void *rows) {
    const int is_float = dtype == FC_F32 || dtype == FC_C64;
    size_t pivot;
    const double all = total(&w->rest, k_h * k_w, &pivot), enough = (is_float ? 4 * 0x1p-24 : 32 * 0x1p-53) * all;
    int shift;
    if (!w->rest.im && as_integers(w->rest.re, k_h * k_w, w->integers, &shift))
        return exact_factor(dtype, w, k_h, k_w, shift, most, columns, rows);
    for (size_t r = 0; r < most && all > 0 && !fc_interrupted(); r++) {
        eliminate(&w->rest, k_h, k_w, pivot, w->column, w->row);
        balance(w->column, w->row, k_h, k_w);
        write_floats(dtype, w->column, k_h, r, most, columns);
        write_floats(dtype, w->row, k_w, r * k_w, 1, rows);
        if (total(&w->rest, k_h * k_w, &pivot) <= enough)
            return keep_taps(&(written){dtype, kernel, columns, rows, k_w, r + 1, most}, w, k_h, all) ? r + 1 : 0;
    }
    return 0;
}

fc_status fc_factor(
    fc_dtype dtype, const void *kernel, size_t k_h, size_t k_w, size_t most, void *columns, void *rows, size_t *rank) {
    workspace w;
    void *memory;
    FC_TRY(make_workspace(k_h, k_w, dtype == FC_C64 || dtype == FC_C128, &w, &memory));
    if (dtype < FC_F16) {
        read_integers(dtype, kernel, k_h * k_w, w.integers);
        *rank = (size_t)integer_factor(w.integers, k_h, k_w, w.integer_column, w.integer_row);
        write_integers(dtype, w.integer_column, k_h, columns);
        write_integers(dtype, w.integer_row, k_w, rows);
    } else {
        read_floats(dtype, kernel, k_h * k_w, w.rest);
        *rank = float_factors(dtype, kernel, &w, k_h, k_w, most, columns, rows);
    }
    fc_scratch_free(memory);
    return FC_OK;
}
