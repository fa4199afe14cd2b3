/* SPDX-License-Identifier: MIT */
/*
 * Memory for results, which Python frees when it likes, on any thread. Malloc would give large blocks back to the
 * system, and the next call would pay for fresh pages, which costs more than many an operation. The last blocks freed
 * are kept instead; the pages of all but the latest are offered to the system, which takes them when it runs short.
 */
#include <stdint.h>
#include <string.h>

#include "core/os.h"
#include "core/scratch.h"
#include "fastconv.h"

enum { KEPT = 16, HUGE_PAGE = 2 << 20, LARGE = 2 * HUGE_PAGE };
#define MOST_KEPT ((size_t)1 << 30)
#define NOT_OFFERED ((size_t)256 << 20) /* offering costs as much as a small operation */

/* Precedes a block, on a line of its own. */
typedef struct header {
    _Alignas(FC_ALIGNMENT) size_t bytes;
    int offered;
} header;

static struct {
    fc_mutex lock;
    header *kept[KEPT]; /* the latest first */
    size_t count, bytes;
} pool = {.lock = FC_MUTEX_INITIALIZER};

static void lock_pool(void) { fc_mutex_lock(&pool.lock); }
static void unlock_pool(void) { fc_mutex_unlock(&pool.lock); }
__attribute__((constructor)) static void watch_fork(void) { fc_os_at_fork(lock_pool, unlock_pool, unlock_pool); }

/* The lock is held. */
static header *take(size_t index) {
    header *block = pool.kept[index];
    pool.count--;
    pool.bytes -= block->bytes;
    memmove(&pool.kept[index], &pool.kept[index + 1], (pool.count - index) * sizeof *pool.kept);
    return block;
}

/* The smallest block that is large enough, if not twice too large. */
static header *take_kept(size_t bytes) {
    size_t best = KEPT;
    lock_pool();
    for (size_t i = 0; i < pool.count; i++)
        if (pool.kept[i]->bytes >= bytes && pool.kept[i]->bytes / 2 <= bytes &&
            (best == KEPT || pool.kept[i]->bytes < pool.kept[best]->bytes))
            best = i;
    header *block = best < KEPT ? take(best) : NULL;
    unlock_pool();
    return block;
}

void *fc_result_alloc(size_t bytes) {
    if (bytes > PTRDIFF_MAX - 2 * HUGE_PAGE)
        return NULL;
    const size_t whole = fc_align_up(bytes);
    header *block = take_kept(whole);
    if (!block && (block = fc_os_allocate(whole < LARGE ? FC_ALIGNMENT : HUGE_PAGE, whole + sizeof(header)))) {
        if (whole >= LARGE)
            fc_os_use_large_pages(block, whole);
        block->bytes = whole;
    }
    if (block)
        block->offered = 0;
    return block ? block + 1 : NULL;
}

/* All but the header's page. */
static void offer_to_system(header *block) {
    block->offered = 1;
    if (block->bytes >= LARGE)
        fc_os_offer_pages(block + 1, block->bytes);
}

/* The lock is held. */
static void offer_older_ones(void) {
    size_t bytes = 0;
    for (size_t i = 0; i < pool.count; i++) {
        bytes += pool.kept[i]->bytes;
        if (bytes > NOT_OFFERED && !pool.kept[i]->offered)
            offer_to_system(pool.kept[i]);
    }
}

void fc_result_free(void *result) {
    if (!result)
        return;
    header *block = (header *)result - 1, *out[KEPT];
    size_t outs = 0;
    if (block->bytes > MOST_KEPT) {
        fc_os_free(block);
        return;
    }
    lock_pool();
    while (pool.count && (pool.count == KEPT || pool.bytes + block->bytes > MOST_KEPT))
        out[outs++] = take(pool.count - 1);
    memmove(&pool.kept[1], pool.kept, pool.count++ * sizeof *pool.kept);
    pool.kept[0] = block;
    pool.bytes += block->bytes;
    offer_older_ones();
    unlock_pool();
    while (outs)
        fc_os_free(out[--outs]);
}

void fc_trim_memory(void) { fc_os_trim_heap(); }

void fc_release_memory(void) {
    header *out[KEPT];
    lock_pool();
    size_t outs = pool.count;
    memcpy(out, pool.kept, sizeof out);
    pool.count = pool.bytes = 0;
    unlock_pool();
    while (outs)
        fc_os_free(out[--outs]);
}
