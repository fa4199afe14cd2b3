/* SPDX-License-Identifier: MIT */
#ifdef __APPLE__
#include "core/os.h"

#include <limits.h>
#include <sys/sysctl.h>
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

/* Threads have no affinity. */
void fc_os_avoid_this_cpu(const fc_thread *threads, size_t count, int *avoided) {
    (void)threads;
    (void)count;
    (void)avoided;
}

static size_t number(const char *name) {
    int64_t value = 0;
    size_t bytes = sizeof value;
    return !sysctlbyname(name, &value, &bytes, NULL, 0) && value > 0 ? (size_t)value : 0;
}

/* Of the fast cores, where there are several kinds. */
size_t fc_os_cache_bytes(int level) {
    static const char *const names[][2] = {{"hw.perflevel0.l1dcachesize", "hw.l1dcachesize"},
        {"hw.perflevel0.l2cachesize", "hw.l2cachesize"}, {"hw.perflevel0.l3cachesize", "hw.l3cachesize"}};
    const size_t fast = number(names[level - 1][0]);
    return fast ? fast : number(names[level - 1][1]);
}

int fc_os_may_use_tiles(void) { return 0; }

int64_t fc_os_milliseconds(void) { return (int64_t)(clock_gettime_nsec_np(CLOCK_UPTIME_RAW) / 1000000); }

void fc_os_use_large_pages(void *block, size_t bytes) {
    (void)block;
    (void)bytes;
}

void fc_os_offer_pages(void *block, size_t bytes) {
    (void)block;
    (void)bytes;
}

void fc_os_trim_heap(void) {}
#endif
