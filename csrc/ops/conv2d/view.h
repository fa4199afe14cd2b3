/* SPDX-License-Identifier: MIT */
/*
 * A convolution as a product of matrices that are never formed:
 *
 *     out[pixel][o] = sum over k of G[pixel][k] * W[k][o],    k = (tap row, tap column, channel)
 *
 * G gathers a tensor: output pixel (i, j) under tap (s, t) reads row i * rows.stride + rows.first + s * rows.step and
 * the column likewise; outside the tensor it reads 0. The forward pass, each stride phase of the input gradient (dy
 * gathered by a transposed kernel) and the kernel gradient (G transposed times dy) are all such views, in either
 * layout. Pitches are in elements and may be negative for weights.
 */
#ifndef FC_OPS_CONV2D_VIEW_H
#define FC_OPS_CONV2D_VIEW_H

#include "core/dtype.h"

/*
 * The layout is a fact of its own: with one pixel, or one channel, the pitches of both layouts are alike. Pitches tell
 * what lies together, and no more than that.
 */
typedef struct fc_tensor_view {
    ptrdiff_t h, w, c; /* c: channels of one group */
    ptrdiff_t n_pitch, h_pitch, w_pitch, c_pitch, group_pitch;
    fc_layout layout;
} fc_tensor_view;

typedef struct fc_taps {
    ptrdiff_t count, first, step, stride;
} fc_taps;

typedef struct fc_conv_view {
    fc_dtype dtype; /* of the tensors; F16 and BF16 are computed in float */
    ptrdiff_t n, groups;
    fc_tensor_view src, dst;
    fc_taps rows, cols;
    ptrdiff_t w_row_pitch, w_col_pitch, w_c_pitch, w_out_pitch, w_group_pitch;
} fc_conv_view;

static inline size_t fc_view_k(const fc_conv_view *v) { return (size_t)(v->rows.count * v->cols.count * v->src.c); }
static inline size_t fc_view_pixels(const fc_conv_view *v) { return (size_t)(v->n * v->dst.h * v->dst.w); }
/* Floating-point operations of the product. */
static inline double fc_view_flops(const fc_conv_view *v) {
    return 2.0 * (double)fc_view_pixels(v) * (double)fc_view_k(v) * (double)v->dst.c * (double)v->groups;
}

/* The forward pass of checked parameters. A single window's stride and a single tap's dilation, which mean nothing,
 * are 1. */
fc_status fc_forward_view(const fc_conv2d_params *p, fc_conv_view *view);
/* The part of a view that makes rows [begin, end) of dst in image n; *src_offset and *dst_offset are its first pixels.
 */
fc_conv_view fc_view_band(const fc_conv_view *view, ptrdiff_t n, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t *src_offset,
    ptrdiff_t *dst_offset);

/* Where several channels lie together and a single tap is never outside, its stride becomes the tensor's: what is not
 * read is gone. */
void fc_view_fold_strides(fc_conv_view *view);
/* Where a single tap of stride 1 is never outside and pixels follow one another in both tensors, channels together, all
 * rows and images become one row. */
void fc_view_join_pixels(fc_conv_view *view);

#endif
