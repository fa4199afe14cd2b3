/* SPDX-License-Identifier: MIT */
#ifndef FC_CORE_SHAPE_H
#define FC_CORE_SHAPE_H

#include "fastconv.h"

/* Cells of a window along one axis, dilation counted: (window - 1) * dilation + 1. */
fc_status fc_window_span(ptrdiff_t window, ptrdiff_t dilation, ptrdiff_t *span);

/* Number of window positions along one axis; 0 where the window does not fit. */
fc_status fc_window_count(ptrdiff_t size, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t dilation, ptrdiff_t pad_before,
    ptrdiff_t pad_after, ptrdiff_t *count);

#endif
