/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_MEASURE_H
#define FC_OPS_CONV2D_MEASURE_H

#include "ops/conv2d/choose.h"

/* The id of the fastest of the algorithms that are estimated at no more than twice the least cycles, on tensors of its
 * own and the caller's threads. 0 where the layer is too large for that, memory is short or the call has been ended. */
int fc_measure_fastest(const fc_algorithms *algorithms, const fc_layer *layer);

#endif
