/* SPDX-License-Identifier: MIT */
#ifndef FC_CORE_DISPATCH_H
#define FC_CORE_DISPATCH_H

#include "fastconv.h"
#include "kernels/types.h"

/* The kernels in use; NULL before they were chosen. */
const fc_kernels *fc_active_kernels(void);
/* The same, chosen now if need be, or what fc_init says where it fails: an entry point begins with it. */
fc_status fc_find_kernels(const fc_kernels **kernels);

/* The table of instruction set `index`, for the checker: NULL past the end, all NULL where this CPU cannot run it. */
const fc_kernels *fc_isa_kernels(size_t index);
size_t fc_isa_of(const fc_kernels *kernels); /* the index of such a table */
/* The same as on a CPU that has none of its extensions. */
const fc_kernels *fc_isa_unextended_kernels(size_t index);

#endif
