/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE     /* pthread_setaffinity_np, sched_getcpu */
/*
 * A pool of sleeping workers shared by every caller. OpenMP says how many threads to use (OMP_NUM_THREADS, threadpoolctl), but
 * does not run them: its closing barrier waits for threads that never got a core, and each calling thread keeps a spinning
 * team of its own, which stalls for milliseconds beside another busy pool, as TensorFlow's. Here the caller takes tasks
 * itself and waits only for workers that hold one.
 */
#include "core/parallel.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "core/cpu.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Waking a worker costs 5-20 us; below this (20-50 us of arithmetic) a second thread does not pay for it. */
#define FC_WORK_PER_THREAD 1e6

enum {
    MOST_WORKERS = 1024,
    WAIT_YIELDS = 50,       /* about 3 ms */
    SPINS = 3000,           /* about 60 us: ops often follow one another that closely, and waking a sleeper costs as much */
    LOCK_SPINS = 100        /* the lock is never held for long */
};

static atomic_int fixed_threads;        /* 0: follow OpenMP */
static _Thread_local int most_threads;  /* of calls made in this thread; 0: as many as are set */
static _Thread_local int inside_task;   /* work nested in a task stays on its thread */

typedef struct parallel_job {
    fc_task *task;
    void *job;
    size_t tasks, helpers, joined;  /* joined: workers that have taken part, guarded by the lock */
    atomic_size_t next, active;     /* active: workers that still do */
    fenv_t environment;             /* the caller's rounding and denormal modes hold in every thread */
    struct parallel_job *link;
} parallel_job;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    parallel_job *jobs;             /* that want more workers */
    size_t workers, sleeping;
    atomic_size_t posted, waiting;  /* waiting: callers that sleep until their workers are done */
    pthread_t threads[MOST_WORKERS];
    int avoided;                    /* the CPU that workers were last kept away from, or -1 */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER, .avoided = -1};

/* Caller and workers end together, and one that sleeps over this lock comes back as late as any sleeper. */
static void lock_pool(void) {
    for (int i = 0; i < LOCK_SPINS; i++, fc_cpu_pause())
        if (!pthread_mutex_trylock(&pool.lock))
            return;
    pthread_mutex_lock(&pool.lock);
}

static void unlock_pool(void) { pthread_mutex_unlock(&pool.lock); }

/* The child of a fork has no workers, and a lock that another thread may have held. */
static void in_forked_child(void) {
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.work, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.jobs = NULL;
    pool.workers = pool.sleeping = 0;
    atomic_store(&pool.waiting, 0);
    pool.avoided = -1;
}

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
    int fixed = atomic_load(&fixed_threads);
    return fixed ? fixed : omp_get_max_threads();
#else
    int fixed = atomic_load(&fixed_threads);
    return fixed ? fixed : 1;
#endif
}

int fc_limit_threads(int n) {
    const int before = most_threads;
    most_threads = n;
    return before;
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
    if (inside_task)
        return 1;
    size_t workers = (size_t)fc_get_num_threads();
    if (most_threads > 0 && workers > (size_t)most_threads)
        workers = (size_t)most_threads;
    if (workers > MOST_WORKERS)
        workers = MOST_WORKERS;
    if (workers > tasks)
        workers = tasks;
    if ((double)workers > work / FC_WORK_PER_THREAD)
        workers = (size_t)(work / FC_WORK_PER_THREAD);
    return workers ? workers : 1;
}

int fc_inside_task(void) { return inside_task; }

static void take_tasks(parallel_job *job, size_t worker) {
    const int nested = inside_task;
    inside_task = 1;
    for (size_t i; (i = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed)) < job->tasks;)
        job->task(job->job, i, worker);
    inside_task = nested;
}

/* The lock is held. */
static void remove_job(const parallel_job *job) {
    for (parallel_job **at = &pool.jobs; *at; at = &(*at)->link)
        if (*at == job) {
            *at = job->link;
            return;
        }
}

static void *work(void *unused) {
    (void)unused;
    for (;;) {
        size_t seen = atomic_load(&pool.posted);
        lock_pool();
        if (!pool.jobs) {
            unlock_pool();
            for (int i = 0; i < SPINS && atomic_load_explicit(&pool.posted, memory_order_relaxed) == seen; i++)
                fc_cpu_pause();
            lock_pool();
        }
        pool.sleeping++;
        while (!pool.jobs)
            pthread_cond_wait(&pool.work, &pool.lock);
        pool.sleeping--;
        parallel_job *job = pool.jobs;
        size_t worker = ++job->joined;
        atomic_fetch_add(&job->active, 1);
        if (job->joined == job->helpers)
            remove_job(job);
        unlock_pool();
        fesetenv(&job->environment);
        take_tasks(job, worker);
        atomic_fetch_sub(&job->active, 1);     /* the job may be gone from here on */
        if (!atomic_load(&pool.waiting))
            continue;
        lock_pool();
        pthread_cond_broadcast(&pool.done);
        unlock_pool();
    }
    return NULL;
}

/* The lock is held. Where no thread can be had, fewer do the work. */
static void grow_pool(size_t workers) {
    sigset_t all, before;
    pthread_attr_t detached;
    if (pool.workers >= workers)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);    /* signals stay with the program's own threads */
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (pool.workers < workers && !pthread_create(&pool.threads[pool.workers], &detached, work, NULL))
        pool.workers++;
    pool.avoided = -1;
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * Keeps the workers off the caller's CPU. A CPU of a virtual machine that has slept for some milliseconds passes for taken, so
 * the kernel would wake a worker where its caller computes, and the caller would be done before the worker gets a turn.
 */
static void avoid_this_cpu(void) {
#ifdef __linux__
    const int here = sched_getcpu();
    cpu_set_t others;
    if (here < 0 || here == pool.avoided || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof others, &others) || CPU_COUNT(&others) < 2)
        return;
    CPU_CLR(here, &others);
    for (size_t i = 0; i < pool.workers; i++)
        pthread_setaffinity_np(pool.threads[i], sizeof others, &others);
    pool.avoided = here;
#endif
}

static void post(parallel_job *job) {
    fegetenv(&job->environment);
    lock_pool();
    grow_pool(job->helpers);
    avoid_this_cpu();
    job->link = pool.jobs;
    pool.jobs = job;
    atomic_fetch_add(&pool.posted, 1);
    const size_t wanted = job->helpers < pool.sleeping ? job->helpers : pool.sleeping;
    unlock_pool();
    for (size_t i = 0; i < wanted; i++)     /* unlocked: or the worker would wake only to wait for the lock */
        pthread_cond_signal(&pool.work);
}

static void wait_for_helpers(parallel_job *job) {
    lock_pool();
    remove_job(job);
    unlock_pool();
    /* The last tasks end soon, and sleeping through them would cost the caller a wake-up of its own. */
    for (int yields = 0; yields < WAIT_YIELDS && atomic_load(&job->active); yields++) {
        for (int i = 0; i < SPINS && atomic_load(&job->active); i++)
            fc_cpu_pause();
        sched_yield();
    }
    if (!atomic_load(&job->active))
        return;
    lock_pool();
    atomic_fetch_add(&pool.waiting, 1);     /* before a look at `active`: either the worker sees it or this the worker's end */
    while (atomic_load(&job->active))
        pthread_cond_wait(&pool.done, &pool.lock);
    atomic_fetch_sub(&pool.waiting, 1);
    unlock_pool();
}

void fc_parallel_for(size_t tasks, size_t workers, fc_task *task, void *job) {
    parallel_job shared = {.task = task, .job = job, .tasks = tasks, .helpers = workers - 1};
    if (workers > 1)
        post(&shared);
    take_tasks(&shared, 0);
    if (workers > 1)
        wait_for_helpers(&shared);
}
