/* SPDX-License-Identifier: MIT */
/* Sums and parts of arrays, on all threads; fastconv.h includes it. */
#ifndef FASTCONV_ARRAYS_H
#define FASTCONV_ARRAYS_H

#include "fastconv_types.h"

FC_BEGIN

/* y[r][i] = a[r][i] + b[i], r < rows, i < row, of float or double; with one row, a plain sum. y may be a, or b with one
 * row. */
fc_status fc_add(fc_dtype dtype, size_t rows, size_t row, const void *a, const void *b, void *y);

/* Copies `rows` rows of `bytes` bytes, which begin from_pitch and to_pitch bytes apart, both no less than that. */
fc_status fc_copy_rows(size_t rows, size_t bytes, const void *from, size_t from_pitch, void *to, size_t to_pitch);

FC_END

#endif
