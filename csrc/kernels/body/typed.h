/* SPDX-License-Identifier: MIT */
/* The bodies that exist once for float and once for double. */
#include "kernels/body/gemm.h"
#include "kernels/body/tile.h"
#include "kernels/body/depthwise.h"
#include "kernels/body/convolve2d.h"
#include "kernels/body/convolve2d_complex.h"
#include "kernels/body/math.h"
#include "kernels/body/activation.h"
#include "kernels/body/softmax.h"
#include "kernels/body/pool.h"
#include "kernels/body/pool_grad.h"
