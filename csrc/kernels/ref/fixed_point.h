/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_FIXED_POINT_H
#define FC_REF_FIXED_POINT_H

#include "kernels/types.h"

/* What the slots of fixed_point.h compute, a number at a time; `dtype` is that of the cells. */
int64_t fc_ref_fixed_column(const fc_fixed_columns *columns, fc_dtype dtype, size_t i);
/* The sum along a line of int16_t or int32_t, and what it is rounded to and cut, as a number of the result's type. */
int64_t fc_ref_fixed_row(const fc_fixed_rows *rows, int is_wide, size_t i);
double fc_ref_fixed_result(const fc_fixed_finish *finish, int64_t sum);
int64_t fc_ref_fixed_window(const void *line, int is_wide, size_t k, size_t step, size_t i);

#endif
