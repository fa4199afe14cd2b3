/* SPDX-License-Identifier: MIT */
#include "ops/filter/fixed_taps.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/size.h"

enum {
    SLIDING_COLUMN = 8, /* equal taps from which sums slide */
    SLIDING_ROW = 16,
    PAIRED = 1 << 14 /* numbers that fixed_rows_i16 adds in 16 bits are less */
};
static const double INTEGERS = 0x1p24, /* that float tells apart */
    QUOTIENTS = 0x1p21,                /* of fc_fixed_rounding */
    NEAR = 0x1p22; /* sums whose quotients by an odd number float rounds to the right side of a half */

static double tap(const fc_filter *f, size_t i) {
    return f->work == FC_F32 ? (double)((const float *)f->kernel)[i] : (double)((const int16_t *)f->kernel)[i];
}

/* The nearest whole number to one that is not too large for it. */
static double whole(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

/* The largest power of two that all taps are multiples of; 0 where all are 0, or one is INTEGERS times that or more. */
static double power_of(const fc_filter *f, size_t count) {
    enum { DIGITS = FLT_MANT_DIG - 1, LEAST = FLT_MIN_EXP - FLT_MANT_DIG - 1 };
    int lowest = INT32_MAX, highest = 0;
    for (size_t i = 0; i < count && highest <= lowest; i++) {
        const float size = (float)fabs(tap(f, i));
        uint32_t bits;
        memcpy(&bits, &size, sizeof bits);
        if (bits == 0)
            continue;
        const uint32_t field = bits >> DIGITS, normal = field > 0;
        const int exponent = (int)(field + !normal),
                  digit = __builtin_ctz((bits & ~(UINT32_MAX << DIGITS)) | normal << DIGITS);
        lowest = exponent + digit < lowest ? exponent + digit : lowest;
        highest = exponent > highest ? exponent : highest;
    }
    return lowest < INT32_MAX && highest <= lowest ? ldexp(1, lowest + LEAST) : 0;
}

/* The most that all taps are multiples of: the least of them, or a power of two; 0 where all taps are 0, some not
 * finite, or integers of it too large. */
static double unit_of(const fc_filter *f, size_t count) {
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < count; i++) {
        const double size = fabs(tap(f, i));
        if (!(size < INFINITY))
            return 0;
        least = size > 0 && size < least ? size : least;
        most = size > most ? size : most;
    }
    if (least == INFINITY)
        return 0;
    if (most >= INTEGERS * least)
        return power_of(f, count);
    for (size_t i = 0; i < count; i++)
        if ((float)(whole(tap(f, i) / least) * least) != (float)tap(f, i))
            return power_of(f, count);
    return least;
}

static void complete(fc_fixed_axis *axis, size_t sliding) {
    int even = 1, odd = 1, equal = 1;
    axis->size = axis->sum = 0;
    for (size_t j = 0; j < axis->k; j++) {
        axis->size += axis->taps[j] < 0 ? -axis->taps[j] : axis->taps[j];
        axis->sum += axis->taps[j];
        even &= axis->taps[j] == axis->taps[axis->k - 1 - j];
        odd &= axis->taps[j] == -axis->taps[axis->k - 1 - j];
        equal &= axis->taps[j] == 1;
    }
    axis->symmetry = even ? 1 : odd ? -1 : 0;
    axis->slides = equal && axis->k >= sliding;
}

/* The kernel in units as a column times a row. */
static int factor(const fc_filter *f, double unit, fc_fixed_axis *column, fc_fixed_axis *row) {
    const size_t h = (size_t)f->k_h, w = (size_t)f->k_w;
    size_t peak = 0;
    uint64_t divisor = 0;
    for (size_t i = 1; i < h * w; i++)
        peak = fabs(tap(f, i)) > fabs(tap(f, peak)) ? i : peak;
    if (fabs(tap(f, peak)) >= INTEGERS * unit)
        return 0;
    for (size_t j = 0; j < w; j++)
        divisor = fc_gcd((uint64_t)fabs(whole(tap(f, peak / w * w + j) / unit)), divisor);
    for (size_t j = 0; j < w; j++)
        row->taps[j] = (int32_t)(whole(tap(f, peak / w * w + j) / unit) / (double)divisor);
    for (size_t i = 0; i < h; i++)
        column->taps[i] = (int32_t)(whole(tap(f, i * w + peak % w) / unit) / row->taps[peak % w]);
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < w; j++)
            if (whole(tap(f, i * w + j) / unit) != (double)column->taps[i] * row->taps[j])
                return 0;
    column->k = h;
    row->k = w;
    complete(column, SLIDING_COLUMN);
    complete(row, SLIDING_ROW);
    return 1;
}

/* Ones, of taps that are all the same. */
static void set_equal(const fc_filter *f, fc_fixed_axis *column, fc_fixed_axis *row) {
    column->k = (size_t)f->k_h;
    row->k = (size_t)f->k_w;
    for (size_t i = 0; i < column->k; i++)
        column->taps[i] = 1;
    for (size_t j = 0; j < row->k; j++)
        row->taps[j] = 1;
    complete(column, SLIDING_COLUMN);
    complete(row, SLIDING_ROW);
}

/* The kernel as a unit, which it returns, times a column times a row; 0 where it has no such form. */
static double split(const fc_filter *f, int equal, fc_fixed_axis *column, fc_fixed_axis *row) {
    if (equal && tap(f, 0) > 0) {
        set_equal(f, column, row);
        return tap(f, 0);
    }
    const double unit = unit_of(f, (size_t)(f->k_h * f->k_w));
    return unit != 0 && factor(f, unit, column, row) ? unit : 0;
}

/* How sums of at most `most` become results. */
static int find_rounding(double scale, double most, fc_fixed_finish *finish) {
    int exponent;
    const double whole = rint(1 / scale), mantissa = frexp(scale, &exponent);
    finish->scale = (float)scale;
    if (finish->result == FC_F32)
        return most < INTEGERS && scale > 0x1p-60 && scale < 0x1p60;
    if (mantissa == 0.5 && exponent <= 1 && exponent > -28) {
        finish->rounding = FC_FIXED_SHIFT;
        finish->shift = 1 - exponent;
        return 1;
    }
    finish->rounding = FC_FIXED_SCALE;
    if (most * scale >= QUOTIENTS)
        return 0;
    /* No sum lies on a half of an odd number, and float errs by less than the next one does. */
    if (fmod(whole, 2) == 1 && most < NEAR && (float)(1 / whole) == (float)scale)
        return 1;
    if (whole >= 2 && whole <= INT32_MAX / 8 && (float)(1 / whole) == (float)scale) {
        finish->rounding = FC_FIXED_DIVIDE;
        finish->divisor = (int32_t)whole;
        return 1;
    }
    return most < INTEGERS;
}

/* Whether no result passes the upper end of its type. */
static int holds(const fc_fixed_plan *p, const fc_filter *f, double gain, double cell) {
    const int positive = p->column.size == p->column.sum && p->row.size == p->row.sum;
    const double most = 1 + 0x1p-20; /* what a kernel that adds up to 1 may do by its own rounding */
    switch (f->result) {
    case FC_U8: /* cut on the way out, from 16 bits */
        return gain * cell < UINT16_MAX;
    case FC_U16:
        return f->image_type == FC_U16 && gain <= most;
    case FC_I16:
        return f->image_type == FC_U8 ? gain * cell <= INT16_MAX : positive && gain <= most;
    default:
        return f->result == FC_F32;
    }
}

/* The number outside, which must be a cell. */
static int find_value(const fc_filter *f, int32_t *value) {
    double number = 0;
    *value = 0;
    if (f->boundary != FC_FILL || !f->fill)
        return 1;
    if (f->work == FC_F32) {
        float single;
        memcpy(&single, f->fill, sizeof single);
        number = single;
    } else {
        int16_t small;
        memcpy(&small, f->fill, sizeof small);
        number = small;
    }
    const double least = f->image_type == FC_I16 ? INT16_MIN : 0,
                 most = f->image_type == FC_U8 ? UINT8_MAX
        : f->image_type == FC_I16              ? INT16_MAX
                                               : UINT16_MAX;
    if (!(number >= least && number <= most) || number != rint(number))
        return 0;
    *value = (int32_t)number;
    return 1;
}

static int is_served(const fc_filter *f) {
    return (f->image_type == FC_U8 || f->image_type == FC_U16 || f->image_type == FC_I16) &&
        (f->work == FC_F32 || (f->image_type == FC_U8 && (f->work == FC_I16 || f->work == FC_U16))) &&
        f->k_h <= FC_FIXED_MOST && f->k_w <= FC_FIXED_MOST && f->out_h == f->h && f->out_w == f->w && f->top <= 0 &&
        f->left <= 0 && f->top > -f->k_h && f->left > -f->k_w;
}

int fc_fixed_plan_filter(const fc_filter *f, int equal, fc_fixed_plan *p) {
    if (!is_served(f) || !find_value(f, &p->value))
        return 0;
    const double unit = split(f, equal, &p->column, &p->row);
    if (unit == 0)
        return 0;
    const double cell = f->image_type == FC_U8 ? UINT8_MAX : f->image_type == FC_U16 ? UINT16_MAX : -(double)INT16_MIN;
    const double down = (double)p->column.size * cell, most = down * (double)p->row.size,
                 scale = f->scaling.scale * unit;
    p->finish = (fc_fixed_finish){.result = f->result, .scaling = f->scaling};
    if (most > INT32_MAX / 2 || (f->image_type == FC_U8 && down > INT16_MAX) ||
        !holds(p, f, scale * (double)(p->column.size * p->row.size), cell) || !find_rounding(scale, most, &p->finish))
        return 0;
    const int rounds = p->finish.rounding == FC_FIXED_SHIFT,
              positive = p->column.size == p->column.sum && p->row.size == p->row.sum;
    if (p->finish.rounding != FC_FIXED_SCALE)
        p->finish.scaling.multiplier = 0; /* which may take a half to the wrong side */
    if (f->image_type == FC_U8 && down >= PAIRED)
        p->row.symmetry = 0;
    p->narrow = f->image_type == FC_U8 && !p->row.slides &&
        ((f->result == FC_I16 && rounds && !p->finish.shift) ||
            (f->result == FC_U8 && positive && most + (rounds ? ldexp(1, p->finish.shift) : 0) <= UINT16_MAX &&
                (rounds || p->finish.scaling.multiplier)));
    return 1;
}
