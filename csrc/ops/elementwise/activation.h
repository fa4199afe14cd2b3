/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_ELEMENTWISE_ACTIVATION_H
#define FC_OPS_ELEMENTWISE_ACTIVATION_H

#include "kernels/types.h"

/* The kernel that applies an activation to floats or doubles (dtype F32 or F64), in place or not; NULL for FC_LINEAR.
 */
static inline fc_activation_fn *fc_activation_kernel(
    const fc_kernels *kernels, fc_dtype dtype, fc_activation activation) {
    if (activation == FC_LINEAR)
        return NULL;
    return dtype == FC_F32 ? kernels->activate_f32[activation] : kernels->activate_f64[activation];
}

#endif
