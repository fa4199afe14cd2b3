/* SPDX-License-Identifier: MIT */
#ifdef __linux__
#define _GNU_SOURCE /* sched_getaffinity, pthread_setaffinity_np, sched_getcpu, madvise */
#include "core/os.h"

#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/size.h"

enum { LONGEST_PATH = 4096, MOST_CPUS = 1 << 16 };

/* ---------------------------------------------------------------- CPUs */

/* The first line of folder/name; 0 where there is none. */
static int read_line(const char *folder, const char *name, char *line, int size) {
    char path[LONGEST_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const int found = fgets(line, size, file) != NULL;
    fclose(file);
    return found;
}

static int whole_cpus(long long quota, long long period) {
    if (quota <= 0 || period <= 0)
        return INT_MAX;
    const long long cpus = quota / period + (quota % period != 0);
    return cpus < INT_MAX ? (int)cpus : INT_MAX;
}

/* The quota of one control group: cpu.max of version 2 ("max" is none), cpu.cfs_* of version 1 (-1 is none). */
static int group_quota(const char *folder) {
    char line[64], *end;
    if (read_line(folder, "cpu.max", line, sizeof line)) {
        const long long quota = strtoll(line, &end, 10);
        return end == line ? INT_MAX : whole_cpus(quota, strtoll(end, NULL, 10));
    }
    if (!read_line(folder, "cpu.cfs_quota_us", line, sizeof line))
        return INT_MAX;
    const long long quota = strtoll(line, NULL, 10);
    return read_line(folder, "cpu.cfs_period_us", line, sizeof line) ? whole_cpus(quota, strtoll(line, NULL, 10))
                                                                     : INT_MAX;
}

/* The least quota from a group up to the root. Groups above a container's own are not to be seen there, and are passed
 * over. */
static int path_quota(const char *root, char *path) {
    char folder[LONGEST_PATH];
    int least = INT_MAX;
    for (;;) {
        if (snprintf(folder, sizeof folder, "%s%s", root, path) < (int)sizeof folder) {
            const int quota = group_quota(folder);
            least = quota < least ? quota : least;
        }
        char *last = strrchr(path, '/');
        if (!last)
            return least;
        *last = 0;
    }
}

/* Whether a comma-separated list of controllers names the CPU's. */
static int names_cpu(const char *controllers) {
    for (;;) {
        const size_t length = strcspn(controllers, ",");
        if (length == 3 && !strncmp(controllers, "cpu", 3))
            return 1;
        if (!controllers[length])
            return 0;
        controllers += length + 1;
    }
}

int fc_os_quota(const char *proc, const char *root) {
    char line[LONGEST_PATH], folder[LONGEST_PATH];
    int least = INT_MAX;
    snprintf(line, sizeof line, "%s/self/cgroup", proc);
    FILE *file = fopen(line, "re");
    if (!file)
        return least;
    while (fgets(line, sizeof line, file)) { /* number:controllers:path, version 2 without controllers */
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        path[strcspn(path, "\n")] = 0;
        const int second = !controllers[1];
        if (!second && !names_cpu(controllers + 1))
            continue;
        if (snprintf(folder, sizeof folder, "%s%s", root, second ? "" : "/cpu") >= (int)sizeof folder)
            continue;
        const int quota = path_quota(folder, path);
        least = quota < least ? quota : least;
    }
    fclose(file);
    return least;
}

/* The kernel refuses a set that is smaller than its own. */
static int affinity_cpus(void) {
    for (int cpus = CPU_SETSIZE; cpus <= MOST_CPUS; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        const size_t bytes = CPU_ALLOC_SIZE(cpus);
        const int found = set && !sched_getaffinity(0, bytes, set) ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (found)
            return found;
    }
    return 1;
}

int fc_os_cpus(void) {
    const int allowed = affinity_cpus(), quota = fc_os_quota("/proc", "/sys/fs/cgroup");
    return quota < allowed ? quota : allowed;
}

void fc_os_avoid_this_cpu(const fc_thread *threads, size_t count, int *avoided) {
    const int here = sched_getcpu();
    cpu_set_t others;
    if (here < 0 || here == *avoided || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof others, &others) ||
        CPU_COUNT(&others) < 2)
        return;
    CPU_CLR(here, &others);
    for (size_t i = 0; i < count; i++)
        pthread_setaffinity_np(threads[i], sizeof others, &others);
    *avoided = here;
}

/* musl has no names for them. */
#ifndef _SC_LEVEL1_DCACHE_SIZE
#define _SC_LEVEL1_DCACHE_SIZE (-1)
#define _SC_LEVEL2_CACHE_SIZE (-1)
#define _SC_LEVEL3_CACHE_SIZE (-1)
#endif

size_t fc_os_cache_bytes(int level) {
    const int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
    const long bytes = names[level - 1] < 0 ? 0 : sysconf(names[level - 1]);
    return bytes > 0 ? (size_t)bytes : 0;
}

/* The kernel gives a process the tile registers when it asks. */
int fc_os_may_use_tiles(void) {
#ifdef SYS_arch_prctl
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
#else
    return 0;
#endif
}

/* ---------------------------------------------------------------- time and memory */

int64_t fc_os_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void fc_os_use_large_pages(void *block, size_t bytes) { madvise(block, bytes, MADV_HUGEPAGE); }

/* Pages that lie wholly in the block. */
void fc_os_offer_pages(void *block, size_t bytes) {
#ifdef MADV_FREE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)block + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)block + bytes) / page * page;
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_FREE);
#endif
}

void fc_os_trim_heap(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
#endif
