/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_H
#define FC_OPS_CONV2D_H

#include "fastconv.h"

/* Checks every field and every product of sizes, and gives the output's. */
fc_status fc_conv2d_check(const fc_conv2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w);

#endif
