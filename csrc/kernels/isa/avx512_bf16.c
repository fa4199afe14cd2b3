/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD avx512_bf16
#include "kernels/vec/avx512.h"
#include "kernels/body/names.h"

#include "kernels/body/split.h"

void FC_FILL(fc_kernels *kernels) {
    kernels->split_rows = FC_NAME(split_rows);
    FC_NAME(split_gemm)(&kernels->split_gemm);
}
