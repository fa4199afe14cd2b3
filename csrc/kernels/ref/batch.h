/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_BATCH_H
#define FC_REF_BATCH_H

#include "kernels/types.h"

/* What the slots of body/batch.h compute, in wider sums. */
void fc_ref_batch_f32(const fc_batch_tile *tile, const fc_batch_block *block);
void fc_ref_batch_f64(const fc_batch_tile *tile, const fc_batch_block *block);

#endif
