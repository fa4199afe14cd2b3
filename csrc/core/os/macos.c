/* SPDX-License-Identifier: MIT */
#ifdef __APPLE__
#include "core/os.h"

#include <sys/sysctl.h>
#include <time.h>

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

int64_t fc_os_milliseconds(void) { return (int64_t)(clock_gettime_nsec_np(CLOCK_UPTIME_RAW) / 1000000); }
#endif
