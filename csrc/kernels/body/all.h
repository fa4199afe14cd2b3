/* SPDX-License-Identifier: MIT */
/* Every body, instantiated in the words of the vec header included before, and the fill function of this ISA. */
#include "kernels/body/names.h"

#include "kernels/body/transpose.h"
#include "kernels/body/convert.h"
#include "kernels/body/numbers.h"
#include "kernels/body/stream.h"
#include "kernels/body/bf16x3.h"
#include "kernels/body/integer.h"
#include "kernels/body/integer_matrix.h"
#include "kernels/body/integer_depthwise.h"
#include "kernels/body/quantized.h"

#include "kernels/body/convolve2d_exact.h"
#include "kernels/body/convolve2d_bytes.h"
#include "kernels/body/convolve2d_long.h"
#include "kernels/body/slide.h"
#include "kernels/body/fixed_point.h"
#include "kernels/body/lengths.h"

#include "kernels/body/math_tables.h"

#include "kernels/body/as_f32.h"
#define GEMM_SHAPES GEMM_F32_SHAPES
#define IGEMM_SHAPES IGEMM_F32_SHAPES
#define PLANES_SHAPES PLANES_F32_SHAPES
#include "kernels/body/typed.h"
#include "kernels/body/as_f64.h"
#undef GEMM_SHAPES
#undef IGEMM_SHAPES
#undef PLANES_SHAPES
#define GEMM_SHAPES GEMM_F64_SHAPES
#define IGEMM_SHAPES IGEMM_F64_SHAPES
#define PLANES_SHAPES PLANES_F64_SHAPES
#include "kernels/body/typed.h"

#include "kernels/body/as_f32.h"
#undef TYPED
#define TYPED(slot) FC_NAME(slot##_unfused_f32)
#include "kernels/body/convolve2d_unfused.h"
#include "kernels/body/as_f64.h"
#undef TYPED
#define TYPED(slot) FC_NAME(slot##_unfused_f64)
#include "kernels/body/convolve2d_unfused.h"

void FC_FILL(fc_kernels *kernels) {
#define FC_GEMM(slot) FC_NAME(slot)(kernels->slot);
#define FC_IGEMM(slot) FC_NAME(slot)(kernels->slot);
#define FC_PLANES(slot) FC_NAME(slot)(kernels->slot);
#define FC_WGRAD_GEMM(slot) FC_NAME(slot)(kernels->slot);
#define FC_BATCH(slot) FC_NAME(slot)(kernels->slot);
#define FC_WINOGRAD(slot) FC_NAME(slot)(kernels->slot);
#define FC_BF16X3(slot) FC_NAME(slot)(&kernels->slot);
#define FC_FFT(slot) FC_NAME(slot)(&kernels->slot);
#define FC_KERNEL(slot, type) kernels->slot = FC_NAME(slot);
#define FC_ACTIVATIONS(slot, type) FC_NAME(slot)(kernels->slot);
#include "kernels/list.inc"
#undef FC_GEMM
#undef FC_IGEMM
#undef FC_PLANES
#undef FC_WGRAD_GEMM
#undef FC_BATCH
#undef FC_WINOGRAD
#undef FC_BF16X3
#undef FC_FFT
#undef FC_KERNEL
#undef FC_ACTIVATIONS
}
