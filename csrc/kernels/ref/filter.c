/* SPDX-License-Identifier: MIT */
#include "kernels/ref/filter.h"

#include <math.h>
#include <string.h>

double fc_ref_number(fc_dtype dtype, const void *numbers, size_t i) {
#define READ(word, type)                                            \
    if (dtype == word) {                                            \
        type x;                                                     \
        memcpy(&x, (const char *)numbers + i * sizeof x, sizeof x); \
        return (double)x;                                           \
    }
    READ(FC_U8, uint8_t)
    READ(FC_I8, int8_t)
    READ(FC_U16, uint16_t)
    READ(FC_I16, int16_t)
    READ(FC_U32, uint32_t)
    READ(FC_I32, int32_t)
    READ(FC_U64, uint64_t)
    READ(FC_F32, float)
    READ(FC_F64, double)
#undef READ
    return NAN;
}

double fc_ref_narrow(fc_dtype work, fc_dtype dtype, double x, double scale) {
    static const double limits[][2] = {[FC_U8] = {0, UINT8_MAX},
        [FC_I8] = {INT8_MIN, INT8_MAX},
        [FC_U16] = {0, UINT16_MAX},
        [FC_I16] = {INT16_MIN, INT16_MAX},
        [FC_I32] = {INT32_MIN, INT32_MAX}};
    const double product = work == FC_F64 ? x * scale : (double)((float)x * (float)scale);
    const double least = limits[dtype][0], most = limits[dtype][1];
    return product > least ? product < most ? nearbyint(product) : most : least;
}

double fc_ref_sparse(const fc_sparse_block *block, fc_dtype dtype, size_t row, size_t col) {
    double sum = 0;
    for (size_t t = 0; t < block->n_taps; t++)
        sum += fc_ref_number(dtype, block->taps, t) *
            fc_ref_number(dtype, block->rows[row + block->places[t].row], col + block->places[t].offset);
    return sum;
}

double fc_ref_differences(const fc_sparse_block *block, fc_dtype dtype, size_t row, size_t col) {
    double sum = 0;
    for (size_t t = 0; t < block->n_taps; t++) {
        const fc_sparse_place *p = block->places + 2 * t;
        sum += fc_ref_number(dtype, block->taps, t) *
            (fc_ref_number(dtype, block->rows[row + p[0].row], col + p[0].offset) -
                fc_ref_number(dtype, block->rows[row + p[1].row], col + p[1].offset));
    }
    return sum;
}

double fc_ref_box(const fc_box_columns *block, fc_dtype dtype, size_t row, size_t col) {
    double sum = 0;
    for (size_t j = 0; j < block->k; j++)
        sum += fc_ref_number(dtype, block->rows[row + j], col);
    return sum * fc_ref_number(dtype, block->tap, 0);
}

double fc_ref_length(fc_dtype dtype, const void *a, const void *b, size_t i) {
    return hypot(fc_ref_number(dtype, a, i), fc_ref_number(dtype, b, i));
}
