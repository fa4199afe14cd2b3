/* SPDX-License-Identifier: MIT */
/* Rows of bytes against packed bytes, in both orders of signedness. */
#define ROWS_B8(slot) FC_NAME(rows_u8s8##slot)
#define ROWS_DOT(sum, a, b) vi32_dot_u8s8(sum, a, b)
#include "kernels/body/integer_rows.h"
#undef ROWS_B8
#undef ROWS_DOT
#define ROWS_B8(slot) FC_NAME(rows_s8u8##slot)
#define ROWS_DOT(sum, a, b) vi32_dot_u8s8(sum, b, a)
#include "kernels/body/integer_rows.h"
#undef ROWS_B8
#undef ROWS_DOT
