/* SPDX-License-Identifier: MIT */
#ifndef FC_KERNELS_REF_QUANTIZED_H
#define FC_KERNELS_REF_QUANTIZED_H

#include "kernels/types.h"

fc_requantize_fn fc_ref_requantize;
fc_quantize_fn fc_ref_quantize;
fc_dequantize_fn fc_ref_dequantize;
fc_add_bytes_fn fc_ref_add_bytes;
fc_most_fn fc_ref_most_u8, fc_ref_most_i8;

#endif
