/* SPDX-License-Identifier: MIT */
/* What differs between operating systems: one file of core/os for each. */
#ifndef FC_CORE_OS_H
#define FC_CORE_OS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* CPUs that this process may keep busy, at least 1: those of its affinity, no more than the quota of its control
 * groups. */
int fc_os_cpus(void);

/* The same quota rounded up to CPUs, or INT_MAX. `proc` and `root` stand for /proc and /sys/fs/cgroup. */
int fc_os_quota(const char *proc, const char *root);

/* Time that only goes forward, in steps of some milliseconds at most. */
int64_t fc_os_milliseconds(void);
/* The same clock as fine as it goes. */
int64_t fc_os_nanoseconds(void);

/* Keeps the threads off the CPU of the calling thread. *avoided is that CPU from the last call, or -1. */
void fc_os_avoid_this_cpu(const pthread_t *threads, size_t count, int *avoided);

/* Asks for large pages under a block; tells the system that it may take the pages of a block, whose contents are lost
 * then. */
void fc_os_use_large_pages(void *block, size_t bytes);
void fc_os_offer_pages(void *block, size_t bytes);

/* Gives the system back what malloc holds free, where that can be asked for. */
void fc_os_trim_heap(void);

#endif
