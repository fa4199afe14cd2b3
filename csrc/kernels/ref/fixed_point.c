/* SPDX-License-Identifier: MIT */
#include "kernels/ref/fixed_point.h"

#include <math.h>

#include "kernels/ref/filter.h"

static int64_t number(const void *line, int is_wide, size_t i) {
    return is_wide ? ((const int32_t *)line)[i] : ((const int16_t *)line)[i];
}

int64_t fc_ref_fixed_column(const fc_fixed_columns *columns, fc_dtype dtype, size_t i) {
    int64_t sum = 0;
    for (size_t j = 0; j < columns->column.k; j++)
        sum += columns->column.taps[j] * (int64_t)fc_ref_number(dtype, columns->rows[j], i);
    return sum;
}

int64_t fc_ref_fixed_row(const fc_fixed_rows *rows, int is_wide, size_t i) {
    int64_t sum = 0;
    for (size_t j = 0; j < rows->row.k; j++)
        sum += rows->row.taps[j] * number(rows->line, is_wide, i + j * rows->step);
    return sum;
}

double fc_ref_fixed_result(const fc_fixed_finish *finish, int64_t sum) {
    const double scaled = (double)((float)sum * finish->scale);
    if (finish->result == FC_F32)
        return scaled;
    const double exact = finish->rounding == FC_FIXED_SHIFT ? ldexp((double)sum, -finish->shift)
        : finish->rounding == FC_FIXED_DIVIDE               ? (double)sum / finish->divisor
                                                            : scaled;
    return fc_ref_narrow(FC_F64, finish->result, exact, 1);
}

int64_t fc_ref_fixed_window(const void *line, int is_wide, size_t k, size_t step, size_t i) {
    int64_t sum = 0;
    for (size_t j = 0; j < k; j++)
        sum += number(line, is_wide, i + j * step);
    return sum;
}
