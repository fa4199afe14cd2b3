/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_PLANES_H
#define FC_REF_PLANES_H

#include "kernels/types.h"

/* What the slots of body/planes.h compute, in wider sums. */
void fc_ref_planes_f32(const fc_planes_block *block, size_t rows, size_t cols);
void fc_ref_planes_f64(const fc_planes_block *block, size_t rows, size_t cols);

#endif
