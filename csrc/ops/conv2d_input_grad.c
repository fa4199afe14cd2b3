/* SPDX-License-Identifier: MIT */
/*
 * dx: a convolution of dy with the flipped kernel. Under a stride each residue of the input coordinates meets its own
 * subset of the taps, so that it splits into stride_h * stride_w stride-1 convolutions and no zero is multiplied
 * (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4). Few input channels are
 * scattered instead.
 */
#include "core/dispatch.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/algo/packed.h"
#include "ops/algo/scatter.h"
#include "ops/conv2d.h"

static fc_status run_phase(const fc_conv2d_params *p, ptrdiff_t phase_h, ptrdiff_t phase_w, const void *dy, const char *kernel, char *dx) {
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(p->dtype);
    fc_conv_view view;
    ptrdiff_t dst_offset, kernel_offset;
    size_t bytes;
    FC_TRY(fc_input_grad_view(p, phase_h, phase_w, &view, &dst_offset, &kernel_offset));
    const fc_packed_blocking blocking = fc_packed_choose(fc_active_kernels(), &view);
    FC_TRY(fc_packed_bytes(&blocking, &view, &bytes));
    void *packed = fc_scratch_alloc(bytes);
    if (!packed)
        return FC_OUT_OF_MEMORY;
    fc_packed_pack(&blocking, &view, kernel + kernel_offset * size, NULL, packed);
    fc_status status = fc_packed_run(&blocking, &view, packed, dy, dx + dst_offset * size, &(fc_epilogue){0, FC_LINEAR, 0});
    fc_scratch_free(packed);
    return status;
}

fc_status fc_conv2d_input_grad(const fc_conv2d_params *p, const void *dy, const void *kernel, void *dx) {
    ptrdiff_t out_h, out_w;
    FC_TRY(fc_conv2d_check(p, &out_h, &out_w));
    if (fc_is_integer(p->dtype))
        return FC_BAD_DTYPE;
    if (fc_scatter_serves(p))
        return fc_scatter_input_grad(p, dy, kernel, dx);
    for (ptrdiff_t i = 0; i < fc_min(p->stride_h, p->h); i++)
        for (ptrdiff_t j = 0; j < fc_min(p->stride_w, p->w); j++)
            FC_TRY(run_phase(p, i, j, dy, kernel, dx));
    return FC_OK;
}
