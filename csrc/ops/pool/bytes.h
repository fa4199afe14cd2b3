/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_POOL_BYTES_H
#define FC_OPS_POOL_BYTES_H

#include "fastconv.h"

/* fc_pool2d of FC_I8 or FC_U8: maxima alone. */
fc_status fc_max_pool2d_bytes(const fc_pool2d_params *p, const void *x, void *y);

#endif
