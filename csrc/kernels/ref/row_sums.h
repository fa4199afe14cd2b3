/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_ROW_SUMS_H
#define FC_REF_ROW_SUMS_H

#include "kernels/types.h"

/* What the slots of body/row_sums.h compute, in wider sums. */
void fc_ref_row_sums_f32(const fc_row_sums *block);
void fc_ref_row_sums_f64(const fc_row_sums *block);

#endif
