/* SPDX-License-Identifier: MIT */
/*
 * Tasks of one parallel loop that move memory: each worker begins with a share of its own, neighbouring tasks and the
 * same ones whenever the loop is run, so that it finds in its L2 what it left there; who is done takes from the others'
 * shares.
 */
#ifndef FC_CORE_SHARES_H
#define FC_CORE_SHARES_H

#include <stdatomic.h>
#include <stddef.h>

enum { FC_MOST_SHARES = 64 };
typedef struct fc_shares {
    size_t count, tasks;
    struct {
        _Alignas(64) atomic_size_t next;
    } part[FC_MOST_SHARES];
} fc_shares;

static inline size_t fc_share_begin(const fc_shares *shares, size_t i) {
    const size_t each = shares->tasks / shares->count, more = shares->tasks % shares->count;
    return i * each + (i < more ? i : more);
}

static inline void fc_share_out(fc_shares *shares, size_t tasks, size_t workers) {
    shares->tasks = tasks;
    shares->count = workers < FC_MOST_SHARES ? workers : FC_MOST_SHARES;
    for (size_t i = 0; i < shares->count; i++)
        atomic_init(&shares->part[i].next, fc_share_begin(shares, i));
}

/* The next task of a worker, of which there is one as often as the loop has tasks. */
static inline size_t fc_share_take(fc_shares *shares, size_t worker) {
    for (size_t i = worker % shares->count;; i = (i + 1) % shares->count) {
        if (atomic_load_explicit(&shares->part[i].next, memory_order_relaxed) >= fc_share_begin(shares, i + 1))
            continue;
        const size_t task = atomic_fetch_add_explicit(&shares->part[i].next, 1, memory_order_relaxed);
        if (task < fc_share_begin(shares, i + 1))
            return task;
    }
}

#endif
