/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_IGEMM_H
#define FC_REF_IGEMM_H

#include "kernels/types.h"

/* What the slots of body/igemm.h compute, in wider sums. */
void fc_ref_igemm_f32(const fc_igemm_block *block, size_t height);
void fc_ref_igemm_f64(const fc_igemm_block *block, size_t height);

#endif
