/* SPDX-License-Identifier: MIT */
#ifndef FC_KERNELS_REF_INTEGER_H
#define FC_KERNELS_REF_INTEGER_H

#include "kernels/types.h"

/* a_signed: a is int8 and b uint8, else the reverse. */
void fc_ref_igemm_b8(const fc_igemm_block *block, const fc_igemm_tile *tile, int a_signed);

#endif
