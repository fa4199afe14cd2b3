/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_ROWS_H
#define FC_REF_ROWS_H

#include "kernels/types.h"

/* What the slots of body/rows.h compute, in wider sums. */
void fc_ref_rows_f32(const fc_rows_block *block, size_t height);
void fc_ref_rows_f64(const fc_rows_block *block, size_t height);

#endif
