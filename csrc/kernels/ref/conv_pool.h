/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_CONV_POOL_H
#define FC_REF_CONV_POOL_H

#include "kernels/types.h"

/* What the slots of body/conv_pool.h compute, in wider sums. */
void fc_ref_conv_pool_f32(const fc_conv_pool *row);
void fc_ref_conv_pool_f64(const fc_conv_pool *row);

#endif
