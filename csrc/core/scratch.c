/* SPDX-License-Identifier: MIT */
#include "core/scratch.h"

#include <stdint.h>
#include <stdlib.h>

void *fc_scratch_alloc(size_t bytes) {
    if (bytes > PTRDIFF_MAX - FC_ALIGNMENT)
        return NULL;
    void *scratch = NULL;
    return posix_memalign(&scratch, FC_ALIGNMENT, fc_align_up(bytes ? bytes : 1)) ? NULL : scratch;
}

void fc_scratch_free(void *scratch) { free(scratch); }
