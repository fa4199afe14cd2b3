/* SPDX-License-Identifier: MIT */
/* Rows of bytes, or of bytes that were widened, against packed bytes, in both orders of signedness. */
#define IGEMM_B8(slot) FC_NAME(igemm_u8s8##slot)
#define IGEMM_DOT(sum, a, b) vi32_dot_u8s8(sum, a, b)
#define IGEMM_EVEN(b) vi32_even_i8(b)
#define IGEMM_ODD(b) vi32_odd_i8(b)
#include "kernels/body/integer_igemm.h"
#undef IGEMM_B8
#undef IGEMM_DOT
#undef IGEMM_EVEN
#undef IGEMM_ODD
#define IGEMM_B8(slot) FC_NAME(igemm_s8u8##slot)
#define IGEMM_DOT(sum, a, b) vi32_dot_u8s8(sum, b, a)
#define IGEMM_EVEN(b) vi32_even_u8(b)
#define IGEMM_ODD(b) vi32_odd_u8(b)
#include "kernels/body/integer_igemm.h"
#undef IGEMM_B8
#undef IGEMM_DOT
#undef IGEMM_EVEN
#undef IGEMM_ODD
