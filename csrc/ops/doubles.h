/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_DOUBLES_H
#define FC_OPS_DOUBLES_H

#include "kernels/types.h"

/* Conversions of F16, BF16 and F32 to double and back, for sums too long for float; NULL of FC_F64. */
fc_convert_fn *fc_to_double(fc_dtype dtype);
fc_convert_fn *fc_from_double(fc_dtype dtype);

#endif
