/* SPDX-License-Identifier: MIT */
/* AVX-512's kernels, and those that the matrix unit replaces. */
#define FC_ISA_WORD amx
#include "kernels/vec/amx.h"
#include "kernels/body/names.h"

#include "kernels/body/bf16x3.h"
#include "kernels/body/integer_matrix.h"

void fc_fill_avx512(fc_kernels *kernels);

void FC_FILL(fc_kernels *kernels) {
    fc_fill_avx512(kernels);
    kernels->bf16x3_rows = FC_NAME(bf16x3_rows);
    FC_NAME(bf16x3_gemm)(&kernels->bf16x3_gemm);
    FC_NAME(matrix_u8s8)(kernels->matrix_u8s8);
    FC_NAME(matrix_s8u8)(kernels->matrix_s8u8);
}
