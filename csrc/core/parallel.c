/* SPDX-License-Identifier: MIT */
#include "core/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* A parallel region costs 2-10 us; below this a second thread does not pay for it. */
#define FC_WORK_PER_THREAD 2e5

static atomic_int fixed_threads;    /* 0: follow OpenMP */
static atomic_int forked;           /* libgomp's pool does not survive fork(): the child stays single-threaded */

static void in_forked_child(void) { atomic_store(&forked, 1); }

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(NULL, NULL, in_forked_child); }

fc_status fc_set_num_threads(int n) {
    if (n < 0)
        return FC_BAD_ARGUMENT;
    atomic_store(&fixed_threads, n);
    return FC_OK;
}

int fc_get_fixed_threads(void) { return atomic_load(&fixed_threads); }

int fc_get_num_threads(void) {
#ifdef _OPENMP
    if (atomic_load(&forked))
        return 1;
    int fixed = atomic_load(&fixed_threads);
    return fixed ? fixed : omp_get_max_threads();
#else
    return 1;
#endif
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

size_t fc_parallel_workers(size_t tasks, double work) {
#ifdef _OPENMP
    if (omp_in_parallel())
        return 1;
#endif
    size_t workers = (size_t)fc_get_num_threads();
    if (workers > tasks)
        workers = tasks;
    if ((double)workers > work / FC_WORK_PER_THREAD)
        workers = (size_t)(work / FC_WORK_PER_THREAD);
    return workers ? workers : 1;
}

void fc_parallel_for(size_t tasks, size_t workers, fc_task *task, void *job) {
    if (workers <= 1) {
        for (size_t i = 0; i < tasks; i++)
            task(job, i, 0);
        return;
    }
#ifdef _OPENMP
    atomic_size_t next = 0;
    #pragma omp parallel num_threads((int)workers)
    {
        size_t worker = (size_t)omp_get_thread_num(), i;
        while ((i = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed)) < tasks)
            task(job, i, worker);
    }
#endif
}
