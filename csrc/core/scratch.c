/* SPDX-License-Identifier: MIT */
/*
 * Every thread keeps the last few blocks it freed: malloc would give large ones back to the system, and each call would
 * pay a page fault every 4 KiB again.
 */
#include "core/scratch.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum { KEPT = 4, MOST_KEPT_BYTES = 8 << 20 };    /* of one block */

/* Precedes a block, on a line of its own. */
typedef struct header { _Alignas(FC_ALIGNMENT) size_t bytes; } header;

static _Thread_local header *kept[KEPT];
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_kept(void *blocks) {
    for (size_t i = 0; i < KEPT; i++)
        free(((header **)blocks)[i]);
}

static void make_key(void) { pthread_key_create(&at_thread_end, free_kept); }

static header *take_kept(size_t bytes) {
    header **best = NULL;
    for (size_t i = 0; i < KEPT; i++)
        if (kept[i] && kept[i]->bytes >= bytes && kept[i]->bytes / 4 <= bytes && (!best || kept[i]->bytes < (*best)->bytes))
            best = &kept[i];
    header *block = best ? *best : NULL;
    if (best)
        *best = NULL;
    return block;
}

void *fc_scratch_alloc(size_t bytes) {
    if (bytes > PTRDIFF_MAX - 2 * FC_ALIGNMENT)
        return NULL;
    header *block = take_kept(bytes);
    void *fresh = NULL;
    if (!block && !posix_memalign(&fresh, FC_ALIGNMENT, fc_align_up(bytes) + sizeof(header))) {
        block = fresh;
        block->bytes = fc_align_up(bytes);
    }
    return block ? block + 1 : NULL;
}

void fc_scratch_free(void *scratch) {
    if (!scratch)
        return;
    header *block = (header *)scratch - 1, **smallest = &kept[0];
    if (block->bytes <= MOST_KEPT_BYTES) {
        for (size_t i = 1; i < KEPT; i++)
            if (*smallest && (!kept[i] || kept[i]->bytes < (*smallest)->bytes))
                smallest = &kept[i];
        pthread_once(&once, make_key);
        pthread_setspecific(at_thread_end, kept);
        header *dropped = *smallest;
        *smallest = block;
        block = dropped;
    }
    free(block);
}
