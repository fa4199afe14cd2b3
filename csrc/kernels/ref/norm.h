/* SPDX-License-Identifier: MIT */
/* Batch normalization a column after the other: what csrc/check holds the kernels against. */
#ifndef FC_REF_NORM_H
#define FC_REF_NORM_H

#include "kernels/types.h"

/* As the slots of kernels/body/norm.h, with the arithmetic in double or long double. */
void fc_ref_norm_moments_f32(const fc_norm_block *block);
void fc_ref_norm_moments_f64(const fc_norm_block *block);
void fc_ref_norm_apply_f32(const fc_norm_block *block);
void fc_ref_norm_apply_f64(const fc_norm_block *block);
void fc_ref_norm_grad_sums_f32(const fc_norm_block *block);
void fc_ref_norm_grad_sums_f64(const fc_norm_block *block);
void fc_ref_norm_grad_f32(const fc_norm_block *block);
void fc_ref_norm_grad_f64(const fc_norm_block *block);

#endif
