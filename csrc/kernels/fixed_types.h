/* SPDX-License-Identifier: MIT */
/* The types of the slots that filter integers by integer taps, a row at a time (body/fixed_point.h). */
#ifndef FC_KERNELS_FIXED_TYPES_H
#define FC_KERNELS_FIXED_TYPES_H

#include "fastconv_types.h"
#include "kernels/filter_types.h"

/* A row or a column of taps: taps[k - 1 - j] = symmetry * taps[j], symmetry 1 or -1; 0 promises nothing. */
typedef struct fc_fixed_taps {
    const int32_t *taps;
    size_t k;
    int symmetry;
} fc_fixed_taps;

/*
 * out[i] = sum over j < k of taps[j] * rows[j][i], i < n. Rows of uint8_t give int16_t, rows of 16 bits
 * int32_t, in which the sum of the products' absolute values fits.
 */
typedef struct fc_fixed_columns {
    fc_fixed_taps column;
    const void *const *rows;
    void *out;
    size_t n;
} fc_fixed_columns;
typedef void fc_fixed_columns_fn(const fc_fixed_columns *columns);

/* sums[i] += enter[i] - leave[i], i < n; leave may be NULL, then nothing does. */
typedef void fc_fixed_slide_fn(const void *enter, const void *leave, int32_t *sums, size_t n);

/*
 * How a sum becomes a result: rounded to the nearest integer, halves to even. Results of uint8_t and uint16_t below 0
 * become 0, those of uint8_t above 255 become 255; no other result leaves its type.
 */
typedef enum fc_fixed_rounding {
    FC_FIXED_SHIFT,  /* sum / 2^shift */
    FC_FIXED_DIVIDE, /* sum / divisor, the quotient within 2^21, sums of twice the divisor within int32_t */
    FC_FIXED_SCALE   /* sum * scale, rounded to float; the sum within 2^24, the product within 2^21 */
} fc_fixed_rounding;
typedef struct fc_fixed_finish {
    fc_fixed_rounding rounding;
    fc_dtype result; /* uint8_t, uint16_t, int16_t; or float: sum * scale */
    int shift;
    int32_t divisor;
    float scale;
    fc_scaling scaling; /* its multiplier, where it is not 0, serves fixed_rows_narrow in place of the rounding */
} fc_fixed_finish;

/*
 * out[i] = finish(sum over j < k of taps[j] * line[i + j * step]), i < n, of int16_t or int32_t. The line may be read
 * up to FC_FIXED_PAD numbers behind what is needed. A line of int16_t under a symmetric row holds numbers within 2^14.
 * fixed_rows_narrow: results are uint8_t or int16_t; sums and what rounds them fit in 16 bits, unsigned for uint8_t,
 * signed for int16_t.
 */
enum { FC_FIXED_PAD = 64 };
typedef struct fc_fixed_rows {
    fc_fixed_taps row;
    const void *line;
    size_t step;
    fc_fixed_finish finish;
    void *out;
    size_t n;
} fc_fixed_rows;
typedef void fc_fixed_rows_fn(const fc_fixed_rows *rows);
static inline size_t fc_fixed_result_size(fc_dtype result) {
    return result == FC_U8 ? sizeof(uint8_t) : result == FC_F32 ? sizeof(float) : sizeof(uint16_t);
}

/*
 * windows[i] = sum over j < k of line[i + j * step], i < n, a multiple of step, from int16_t or int32_t. temp, of n
 * numbers for the kernel's own use, and windows have FC_FIXED_PAD further ones, which the kernel may read and write.
 */
typedef struct fc_fixed_windows {
    const void *line;
    size_t k, step;
    int32_t *temp, *windows;
    size_t n;
} fc_fixed_windows;
typedef void fc_fixed_windows_fn(const fc_fixed_windows *windows);

#endif
