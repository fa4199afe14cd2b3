/* SPDX-License-Identifier: MIT */
/* What Unix systems but Linux share; macos.c has the rest of macOS. */
#if !defined(__linux__) && !defined(_WIN32)
#include "core/os.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

int fc_os_quota(const char *proc, const char *root) {
    (void)proc;
    (void)root;
    return INT_MAX;
}

int fc_os_cpus(void) {
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online < INT_MAX ? (int)online : 1;
}

void fc_os_avoid_this_cpu(const fc_thread *threads, size_t count, int *avoided) {
    (void)threads;
    (void)count;
    (void)avoided;
}

int fc_os_may_use_tiles(void) { return 0; }

void fc_os_use_large_pages(void *block, size_t bytes) {
    (void)block;
    (void)bytes;
}

void fc_os_offer_pages(void *block, size_t bytes) {
    (void)block;
    (void)bytes;
}

void fc_os_trim_heap(void) {}

#ifndef __APPLE__
size_t fc_os_cache_bytes(int level) { return (void)level, 0; }

int64_t fc_os_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
#endif
#endif
