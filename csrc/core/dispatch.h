/* SPDX-License-Identifier: MIT */
#ifndef FC_CORE_DISPATCH_H
#define FC_CORE_DISPATCH_H

#include "kernels/types.h"

/* The kernels in use; NULL before fc_init has succeeded. */
const fc_kernels *fc_active_kernels(void);

/* The table of compiled instruction set `index`, for the checker; NULL past the end. */
const fc_kernels *fc_isa_kernels(size_t index);

#endif
