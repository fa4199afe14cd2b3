/* SPDX-License-Identifier: MIT */
/* Steps of optimizers, a number after the other: what csrc/check holds the kernels against. */
#ifndef FC_REF_UPDATE_H
#define FC_REF_UPDATE_H

#include "kernels/types.h"

/* As the slots of kernels/body/update.h, to the bit. */
void fc_ref_update_f32(const fc_update *update);
void fc_ref_update_f64(const fc_update *update);

#endif
