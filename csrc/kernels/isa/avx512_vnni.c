/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD avx512_vnni
#include "kernels/vec/avx512.h"
#include "kernels/body/names.h"
#include "kernels/body/integer.h"

void FC_FILL(fc_kernels *kernels) {
    FC_NAME(igemm_u8s8)(kernels->igemm_u8s8);
    FC_NAME(igemm_s8u8)(kernels->igemm_s8u8);
}
