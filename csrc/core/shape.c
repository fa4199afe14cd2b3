/* SPDX-License-Identifier: MIT */
/* Window geometry: the only place that knows output sizes and TensorFlow's padding words. */
#include "core/shape.h"

#include "core/size.h"

fc_status fc_window_span(ptrdiff_t window, ptrdiff_t dilation, ptrdiff_t *span) {
    if (window < 1 || dilation < 1)
        return FC_BAD_SHAPE;
    if (__builtin_mul_overflow(window - 1, dilation, span) || __builtin_add_overflow(*span, 1, span))
        return FC_TOO_LARGE;
    return FC_OK;
}

fc_status fc_window_count(ptrdiff_t size, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t dilation, ptrdiff_t pad_before,
    ptrdiff_t pad_after, ptrdiff_t *count) {
    ptrdiff_t span, padded;
    if (size < 0 || stride < 1 || pad_before < 0 || pad_after < 0)
        return FC_BAD_SHAPE;
    FC_TRY(fc_window_span(window, dilation, &span));
    if (__builtin_add_overflow(size, pad_before, &padded) || __builtin_add_overflow(padded, pad_after, &padded))
        return FC_TOO_LARGE;
    *count = padded < span ? 0 : (padded - span) / stride + 1;
    return FC_OK;
}

fc_status fc_resolve_padding(fc_padding padding, ptrdiff_t size, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t dilation,
    ptrdiff_t *before, ptrdiff_t *after) {
    ptrdiff_t span;
    if (size < 0 || stride < 1)
        return FC_BAD_SHAPE;
    FC_TRY(fc_window_span(window, dilation, &span));
    *before = *after = 0;
    if (padding == FC_PAD_VALID)
        return FC_OK;
    if (padding != FC_PAD_SAME)
        return FC_BAD_ARGUMENT;
    if (!size)
        return FC_OK; /* no window: ceil(0 / stride) */
    /* Grouped so that no intermediate overflows: the last window starts at the last multiple of stride below size. */
    const ptrdiff_t last = (size - 1) / stride * stride, total = fc_max(span - (size - last), 0);
    *before = total / 2;
    *after = total - total / 2;
    return FC_OK;
}
