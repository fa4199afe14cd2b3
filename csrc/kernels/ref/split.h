/* SPDX-License-Identifier: MIT */
#ifndef FC_KERNELS_REF_SPLIT_H
#define FC_KERNELS_REF_SPLIT_H

#include "kernels/types.h"

int fc_ref_split_rows(const fc_split_source *source);
/* split_gemm in double; block->c is not used. */
void fc_ref_split_gemm(const fc_split_block *block, double *c, size_t c_pitch);

#endif
