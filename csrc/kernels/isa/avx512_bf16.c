/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD avx512_bf16
#include "kernels/vec/avx512.h"
#include "kernels/body/names.h"

#include "kernels/body/bf16x3.h"

void FC_FILL(fc_kernels *kernels) {
    kernels->bf16x3_rows = FC_NAME(bf16x3_rows);
    FC_NAME(bf16x3_gemm)(&kernels->bf16x3_gemm);
}
