/* SPDX-License-Identifier: MIT */
/* Rows of bytes against packed bytes, in both orders of signedness. */
#define IGEMM_B8(slot) FC_NAME(igemm_u8s8##slot)
#define IGEMM_DOT(sum, a, b) vi32_dot_u8s8(sum, a, b)
#include "kernels/body/integer_igemm.h"
#undef IGEMM_B8
#undef IGEMM_DOT
#define IGEMM_B8(slot) FC_NAME(igemm_s8u8##slot)
#define IGEMM_DOT(sum, a, b) vi32_dot_u8s8(sum, b, a)
#include "kernels/body/integer_igemm.h"
#undef IGEMM_B8
#undef IGEMM_DOT
