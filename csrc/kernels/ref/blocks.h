/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_BLOCKS_H
#define FC_REF_BLOCKS_H

#include "kernels/types.h"

/* What the slots of gemm.h, wgrad_gemm.h, dwconv_wgrad.h, tile.h, transpose.h and convert.h compute, in plain loops and
 * wider sums. */
void fc_ref_gemm_f32(size_t rows, size_t cols, size_t k, const float *a, size_t a_pitch, const float *b, size_t b_pitch,
    float *c, size_t c_pitch, int accumulate);
void fc_ref_gemm_f64(size_t rows, size_t cols, size_t k, const double *a, size_t a_pitch, const double *b,
    size_t b_pitch, double *c, size_t c_pitch, int accumulate);
void fc_ref_wgrad_gemm_f32(size_t height, size_t width, const fc_wgrad_gemm_block *block);
void fc_ref_wgrad_gemm_f64(size_t height, size_t width, const fc_wgrad_gemm_block *block);
void fc_ref_dwconv_wgrad_f32(const fc_dwconv_wgrad *block);
void fc_ref_dwconv_wgrad_f64(const fc_dwconv_wgrad *block);
void fc_ref_transpose(size_t element, void *dst, size_t pitch, const void *const *src, size_t rows, size_t length);
float fc_ref_from_f16(uint16_t h);
float fc_ref_from_bf16(uint16_t h);
/* To nearest even by search: the candidate whose value is closest, the even one on a tie. */
uint16_t fc_ref_to_f16(float x);
uint16_t fc_ref_to_bf16(float x);

#endif
