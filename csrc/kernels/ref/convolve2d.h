/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_CONVOLVE2D_H
#define FC_REF_CONVOLVE2D_H

#include "kernels/types.h"

/* What the slots of the same names compute; floating-point sums are taken in a wider type. */
fc_convolve2d_fn fc_ref_convolve2d_bool, fc_ref_convolve2d_b8, fc_ref_convolve2d_b16, fc_ref_convolve2d_b32,
    fc_ref_convolve2d_b64;
fc_convolve2d_fn fc_ref_convolve2d_f32, fc_ref_convolve2d_f64, fc_ref_convolve2d_complex_f32,
    fc_ref_convolve2d_complex_f64;
fc_convolve2d_fn fc_ref_convolve2d_u8_b16, fc_ref_convolve2d_u8_f32;
fc_convolve2d_fn fc_ref_convolve2d_longdouble, fc_ref_convolve2d_clongdouble;

#endif
