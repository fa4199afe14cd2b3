/* SPDX-License-Identifier: MIT */
/* Facts of dtypes, and conversions between them. */
#ifndef FC_CORE_DTYPE_H
#define FC_CORE_DTYPE_H

#include "fastconv.h"
#include "kernels/types.h"

static inline int fc_is_half(fc_dtype dtype) { return dtype == FC_F16 || dtype == FC_BF16; }
static inline int fc_is_integer(fc_dtype dtype) { return dtype == FC_I8 || dtype == FC_U8; }
/* Of y and the bias, for an x of `dtype`. */
static inline fc_dtype fc_output_dtype(fc_dtype dtype) { return fc_is_integer(dtype) ? FC_I32 : dtype; }
/* What the arithmetic is done in. */
static inline fc_dtype fc_compute_dtype(fc_dtype dtype) { return dtype == FC_F64 ? FC_F64 : FC_F32; }

/* Conversions of a half type to float and back; NULL of other types. */
static inline fc_convert_fn *fc_widen_kernel(const fc_kernels *kernels, fc_dtype dtype) {
    return dtype == FC_F16 ? kernels->widen_f16 : dtype == FC_BF16 ? kernels->widen_bf16 : NULL;
}
static inline fc_convert_fn *fc_narrow_kernel(const fc_kernels *kernels, fc_dtype dtype) {
    return dtype == FC_F16 ? kernels->narrow_f16 : dtype == FC_BF16 ? kernels->narrow_bf16 : NULL;
}
/* `count` elements of a half type. */
static inline void fc_widen(const fc_kernels *kernels, fc_dtype dtype, const void *src, void *dst, size_t count) {
    fc_widen_kernel(kernels, dtype)(src, dst, count);
}
static inline void fc_narrow(const fc_kernels *kernels, fc_dtype dtype, const void *src, void *dst, size_t count) {
    fc_narrow_kernel(kernels, dtype)(src, dst, count);
}

/* Conversions of F16, BF16 and F32 to double and back, for sums too long for float; NULL of FC_F64. */
fc_convert_fn *fc_to_double(fc_dtype dtype);
fc_convert_fn *fc_from_double(fc_dtype dtype);

#endif
