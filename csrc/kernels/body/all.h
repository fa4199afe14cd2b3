/* SPDX-License-Identifier: MIT */
/* Every body, instantiated in the words of the vec header included before, and the fill function of this ISA. */
#include "kernels/types.h"

#define FC_PASTE_(a, b) a##b
#define FC_PASTE(a, b) FC_PASTE_(a, b)
#define FC_NAME(slot) FC_PASTE(fc_##slot##_, FC_ISA_WORD)

#include "kernels/body/transpose.h"
#include "kernels/body/convert.h"

#include "kernels/body/convolve2d_exact.h"
#include "kernels/body/convolve2d_long.h"

#include "kernels/body/math_tables.h"

#include "kernels/body/as_f32.h"
#define GEMM_SHAPES GEMM_F32_SHAPES
#include "kernels/body/typed.h"
#include "kernels/body/as_f64.h"
#undef GEMM_SHAPES
#define GEMM_SHAPES GEMM_F64_SHAPES
#include "kernels/body/typed.h"

void FC_PASTE(fc_fill_, FC_ISA_WORD)(fc_kernels *kernels);
void FC_PASTE(fc_fill_, FC_ISA_WORD)(fc_kernels *kernels) {
#define FC_GEMM(slot) FC_NAME(slot)(kernels->slot);
#define FC_KERNEL(slot, type) kernels->slot = FC_NAME(slot);
#define FC_ACTIVATIONS(slot, type) FC_NAME(slot)(kernels->slot);
#include "kernels/list.inc"
#undef FC_GEMM
#undef FC_KERNEL
#undef FC_ACTIVATIONS
}
