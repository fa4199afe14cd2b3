/* SPDX-License-Identifier: MIT */
#ifndef FC_CORE_SCRATCH_H
#define FC_CORE_SCRATCH_H

#include <stddef.h>

enum { FC_ALIGNMENT = 64, FC_SCRATCH_KEPT = 64 << 20 }; /* bytes; what a thread keeps of the blocks it freed */

/* bytes of uninitialised memory on a cache line of its own, or NULL. Release with fc_scratch_free, on any thread. */
void *fc_scratch_alloc(size_t bytes);
void fc_scratch_free(void *scratch);

static inline size_t fc_align_up(size_t bytes) { return (bytes + FC_ALIGNMENT - 1) / FC_ALIGNMENT * FC_ALIGNMENT; }

/* An odd number of cache lines, so that rows at this distance do not share the sets of L1. */
static inline size_t fc_odd_lines(size_t elements, size_t size) {
    return (fc_align_up(elements * size) / FC_ALIGNMENT | 1) * FC_ALIGNMENT / size;
}

#endif
