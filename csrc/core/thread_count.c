/* SPDX-License-Identifier: MIT */
/*
 * How many threads a call may use: what its caller or the process has set, else OpenMP's setting, else the CPUs; never
 * more than OMP_THREAD_LIMIT. OpenMP itself is only asked.
 */
#include "core/thread_count.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/caller.h"
#include "core/os.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static atomic_int fixed_threads;       /* 0: none set */
static atomic_int shared_threads;      /* of calls without a caller of their own; 0: as many as are set */
static _Thread_local int most_threads; /* of calls made in this thread; 0: as many as are set */

#ifndef _OPENMP
static atomic_int default_threads_set; /* 0: none set */
#endif

/* What does not change while the process runs. */
static struct {
    int named, cpus, processors, limit;
} system_says;
static fc_once once = FC_ONCE_INITIALIZER;

/* The first number of a list as OMP_NUM_THREADS has it, 0 where there is none. */
static int number_in(const char *variable) {
    const char *text = getenv(variable);
    char *end;
    if (!text)
        return 0;
    const long number = strtol(text, &end, 10);
    const char *rest = end + strspn(end, " \t\n\r\f\v");
    if (end == text || (*rest && *rest != ',') || number < 1)
        return 0;
    return number < INT_MAX ? (int)number : INT_MAX;
}

static void ask_system(void) {
    const int limit = number_in("OMP_THREAD_LIMIT");
    system_says.named = number_in("OMP_NUM_THREADS");
    system_says.cpus = fc_os_cpus();
    system_says.limit = limit ? limit : INT_MAX;
#ifdef _OPENMP
    system_says.processors = omp_get_num_procs();
#endif
}

/* OpenMP counts processors and knows of no quota: where it has nothing but that count, the quota holds. */
static int default_threads(void) {
#ifdef _OPENMP
    const int threads = omp_get_max_threads();
    return !system_says.named && threads == system_says.processors && system_says.cpus < threads ? system_says.cpus
                                                                                                 : threads;
#else
    const int set = atomic_load_explicit(&default_threads_set, memory_order_relaxed);
    return set ? set : system_says.named ? system_says.named : system_says.cpus;
#endif
}

fc_status fc_set_num_threads(int n) {
    if (n < 0)
        return FC_BAD_ARGUMENT;
    atomic_store(&fixed_threads, n);
    return FC_OK;
}

fc_status fc_set_default_threads(int n) {
    if (n < 1)
        return FC_BAD_ARGUMENT;
#ifdef _OPENMP
    omp_set_num_threads(n);
#else
    atomic_store(&default_threads_set, n);
#endif
    return FC_OK;
}

int fc_get_default_threads(void) {
    fc_call_once(&once, ask_system);
    return default_threads();
}

int fc_get_fixed_threads(void) { return atomic_load(&fixed_threads); }

void fc_share_num_threads(int n) { atomic_store(&shared_threads, n); }

int fc_get_num_threads(void) {
    const fc_caller *caller = fc_current_caller();
    int threads = caller && caller->threads ? caller->threads
                                            : atomic_load_explicit(&shared_threads, memory_order_relaxed);
    fc_call_once(&once, ask_system);
    if (threads <= 0)
        threads = atomic_load_explicit(&fixed_threads, memory_order_relaxed);
    if (!threads)
        threads = default_threads();
    return threads < system_says.limit ? threads : system_says.limit;
}

int fc_limit_threads(int n) {
    const int before = most_threads;
    most_threads = n;
    return before;
}

int fc_threads_of_this_call(void) {
#ifdef _OPENMP
    if (omp_in_parallel())
        return 1;
#endif
    const int threads = fc_get_num_threads();
    return most_threads > 0 && most_threads < threads ? most_threads : threads;
}

const char *fc_openmp_version(void) {
#if !defined(_OPENMP)
    return "none";
#elif _OPENMP >= 202111
    return "5.2";
#elif _OPENMP >= 201811
    return "5.0";
#elif _OPENMP >= 201511
    return "4.5";
#else
    return "4.0 or older";
#endif
}
