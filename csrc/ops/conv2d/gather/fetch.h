/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_GATHER_FETCH_H
#define FC_OPS_CONV2D_GATHER_FETCH_H

#include <stddef.h>

/*
 * Brings a kernel that tasks are going to read in narrow strips, and that is too large to be in a cache by chance, near
 * the cores. In order, as the hardware foresees that: strips of 128 bytes come from memory at a quarter of the speed.
 */
void fc_fetch_kernel(const void *kernel, size_t bytes, size_t workers);

#endif
