/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_GEMV_H
#define FC_REF_GEMV_H

#include "kernels/types.h"

/* What the slots of body/gemv.h compute, in wider sums. */
void fc_ref_gemv_f32(const fc_gemv *block);
void fc_ref_gemv_f64(const fc_gemv *block);

#endif
