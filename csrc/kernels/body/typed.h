/* SPDX-License-Identifier: MIT */
/* The bodies that exist once for float and once for double. */
#include "kernels/body/gemm.h"
#include "kernels/body/tile.h"
#include "kernels/body/depthwise.h"
