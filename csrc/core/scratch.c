/* SPDX-License-Identifier: MIT */
/*
 * Every thread keeps the last few blocks it freed: malloc would give large ones back to the system, and each call would
 * pay a page fault every 4 KiB again.
 */
#include "core/scratch.h"

#include <stdint.h>

#include "core/os.h"

enum { KEPT = 4 };

/* Precedes a block, on a line of its own. */
typedef struct header {
    _Alignas(FC_ALIGNMENT) size_t bytes;
} header;

static _Thread_local header *kept[KEPT];
static fc_thread_key at_thread_end;
static fc_once once = FC_ONCE_INITIALIZER;

static void free_kept(void *blocks) {
    for (size_t i = 0; i < KEPT; i++)
        fc_os_free(((header **)blocks)[i]);
}

static void make_key(void) { fc_os_make_key(&at_thread_end, free_kept); }

static header *take_kept(size_t bytes) {
    header **best = NULL;
    for (size_t i = 0; i < KEPT; i++)
        if (kept[i] && kept[i]->bytes >= bytes && kept[i]->bytes / 4 <= bytes &&
            (!best || kept[i]->bytes < (*best)->bytes))
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
    if (!block) {
        block = fc_os_allocate(FC_ALIGNMENT, fc_align_up(bytes) + sizeof(header));
        if (block)
            block->bytes = fc_align_up(bytes);
    }
    return block ? block + 1 : NULL;
}

/* A free place, once the smallest blocks have made room for `bytes` more. */
static header **make_room(size_t bytes) {
    for (;;) {
        header **empty = NULL, **smallest = NULL;
        size_t total = 0;
        for (size_t i = 0; i < KEPT; i++) {
            if (!kept[i]) {
                empty = &kept[i];
                continue;
            }
            total += kept[i]->bytes;
            if (!smallest || kept[i]->bytes < (*smallest)->bytes)
                smallest = &kept[i];
        }
        if (empty && total + bytes <= FC_SCRATCH_KEPT)
            return empty;
        fc_os_free(*smallest);
        *smallest = NULL;
    }
}

void fc_scratch_free(void *scratch) {
    if (!scratch)
        return;
    header *block = (header *)scratch - 1;
    if (block->bytes > FC_SCRATCH_KEPT) {
        fc_os_free(block);
        return;
    }
    fc_call_once(&once, make_key);
    fc_os_set_key(at_thread_end, kept);
    *make_room(block->bytes) = block;
}
