/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_POOL_H
#define FC_REF_POOL_H

#include "kernels/types.h"

/* What the slots of the same names compute, a window at a time; averages in double. */
fc_pool_fn fc_ref_pool_max_f32, fc_ref_pool_avg_f32, fc_ref_pool_max_grad_f32, fc_ref_pool_avg_grad_f32,
    fc_ref_pool_max_pick_f32;
fc_pool_fn fc_ref_pool_max_f64, fc_ref_pool_avg_f64, fc_ref_pool_max_grad_f64, fc_ref_pool_avg_grad_f64,
    fc_ref_pool_max_pick_f64;

#endif
