/* SPDX-License-Identifier: MIT */
#ifndef FC_KERNELS_REF_BF16X3_H
#define FC_KERNELS_REF_BF16X3_H

#include "kernels/types.h"

int fc_ref_bf16x3_rows(const fc_bf16x3_source *source);
/* bf16x3_gemm in double; block->c is not used. */
void fc_ref_bf16x3_gemm(const fc_bf16x3_block *block, double *c, size_t c_pitch);

#endif
