/* SPDX-License-Identifier: MIT */
/*
 * A pool of sleeping workers shared by every caller. OpenMP says how many threads to use (OMP_NUM_THREADS,
 * threadpoolctl), but does not run them: its closing barrier waits for threads that never got a core, and each calling
 * thread keeps a spinning team of its own, which stalls for milliseconds beside another busy pool, as TensorFlow's.
 * Here the caller takes tasks itself and waits only for workers that hold one.
 */
#include "core/parallel.h"

#include <fenv.h>
#include <stdatomic.h>

#include "core/caller.h"
#include "core/cpu.h"
#include "core/os.h"
#include "core/thread_count.h"

/* Waking a worker costs 5-40 us; below this (20-50 us of arithmetic) a second thread does not pay for it. */
#define FC_WORK_PER_THREAD 1e6
#define FC_WORK_PER_TASK 16e6
#define FC_WORK_PER_TASK_OF_SUMS 64e6

enum {
    MOST_WORKERS = 1024,
    MOST_SHARES = 64,
    WAIT_YIELDS = 50, /* about 3 ms */
    SPINS = 3000,     /* about 60 us: ops often follow one another that closely, and waking a sleeper costs as much */
    LOCK_SPINS = 100, /* the lock is never held for long */
    ASLEEP = 40,      /* ms */
    SERIES_SPINS = 20 /* times SPINS: the longest step between two loops of a series that workers wait through */
};

static _Thread_local int inside_task; /* work nested in a task stays on its thread */

/* A run of neighbouring tasks. */
typedef struct share {
    _Alignas(64) atomic_size_t next;
    size_t end;
} share;

static _Thread_local struct {
    fc_task_time *times; /* NULL where none are recorded */
    size_t room, tasks, loops;
} record;

typedef struct parallel_job {
    fc_task *task;
    void *job;
    share *shares;
    size_t count;           /* of shares */
    size_t helpers, joined; /* joined: workers that have taken part, guarded by the lock */
    atomic_size_t active;   /* workers that still do */
    int *interrupted;       /* the caller's flag, or NULL */
    fenv_t environment;     /* the caller's rounding and denormal modes hold in every thread */
    struct parallel_job *link;
} parallel_job;

static struct {
    fc_mutex lock;
    fc_condition work, done;
    parallel_job *jobs; /* that want more workers */
    size_t workers, sleeping;
    atomic_size_t posted, waiting; /* waiting: callers that sleep until their workers are done */
    atomic_size_t series;          /* callers that are between fc_parallel_begin and _end */
    fc_thread threads[MOST_WORKERS];
    int avoided; /* the CPU that workers were last kept away from, or -1 */
} pool = {
    .lock = FC_MUTEX_INITIALIZER, .work = FC_CONDITION_INITIALIZER, .done = FC_CONDITION_INITIALIZER, .avoided = -1};

/* Caller and workers end together, and one that sleeps over this lock comes back as late as any sleeper. */
static void lock_pool(void) {
    for (int i = 0; i < LOCK_SPINS; i++, fc_cpu_pause())
        if (fc_mutex_try_lock(&pool.lock))
            return;
    fc_mutex_lock(&pool.lock);
}

static void unlock_pool(void) { fc_mutex_unlock(&pool.lock); }

/* The child of a fork has no workers, and a lock that another thread may have held. */
static void in_forked_child(void) {
    fc_mutex_reset(&pool.lock);
    fc_condition_reset(&pool.work);
    fc_condition_reset(&pool.done);
    pool.jobs = NULL;
    pool.workers = pool.sleeping = 0;
    atomic_store(&pool.waiting, 0);
    atomic_store(&pool.series, 0);
    pool.avoided = -1;
}

__attribute__((constructor)) static void watch_fork(void) { fc_os_at_fork(NULL, NULL, in_forked_child); }

static size_t task_count(double wanted) {
    const double least = 16, most = 256;
    return (size_t)(wanted < least ? least : wanted > most ? most : wanted);
}

size_t fc_task_count(double work) { return task_count(work / FC_WORK_PER_TASK); }
size_t fc_task_count_of_sums(double work) { return task_count(work / FC_WORK_PER_TASK_OF_SUMS); }

size_t fc_parallel_workers(size_t tasks, double work) {
    if (inside_task)
        return 1;
    size_t workers = (size_t)fc_threads_of_this_call();
    if (workers > MOST_WORKERS)
        workers = MOST_WORKERS;
    if (workers > tasks)
        workers = tasks;
    if ((double)workers > work / FC_WORK_PER_THREAD)
        workers = (size_t)(work / FC_WORK_PER_THREAD);
    return workers ? workers : 1;
}

int fc_inside_task(void) { return inside_task; }

int fc_parallel_begin(void) {
    const int counted = !inside_task && fc_threads_of_this_call() > 1;
    if (counted)
        atomic_fetch_add(&pool.series, 1);
    return counted;
}

void fc_parallel_end(int counted) {
    if (counted)
        atomic_fetch_sub(&pool.series, 1);
}

int fc_begin_series(void) { return fc_parallel_begin(); }

void fc_end_series(int counted) { fc_parallel_end(counted); }

static void share_out(parallel_job *job, size_t tasks, size_t workers) {
    const size_t count = job->count = workers < MOST_SHARES ? workers : MOST_SHARES;
    for (size_t i = 0, begin = 0; i < count; i++) {
        atomic_init(&job->shares[i].next, begin);
        job->shares[i].end = begin += tasks / count + (i < tasks % count);
    }
}

/*
 * A worker begins with a share of its own, the same whenever a loop is run, so that it finds in its L2 what it left
 * there, also by the loop before, whose tasks mostly lie in the same order over the data. Who is done takes from the
 * others' shares.
 */
static void take_tasks(parallel_job *job, size_t worker) {
    const int nested = inside_task;
    size_t taken = 0;
    inside_task = 1;
    for (size_t tried = 0; tried < job->count; tried++) {
        share *from = &job->shares[(worker + tried) % job->count];
        while (atomic_load_explicit(&from->next, memory_order_relaxed) < from->end) {
            const size_t task = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed);
            if (task >= from->end)
                break;
            if (taken++ && fc_interrupted())
                goto out;
            job->task(job->job, task, worker);
        }
    }
out:
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

/* Waits a while for a job other than the last one seen. */
static void wait_awake(size_t seen) {
    for (int round = 0; round < 1 || (round < SERIES_SPINS && atomic_load(&pool.series)); round++) {
        for (int i = 0; i < SPINS; i++, fc_cpu_pause())
            if (atomic_load_explicit(&pool.posted, memory_order_relaxed) != seen)
                return;
        fc_os_yield();
    }
}

static void work(void) {
    for (;;) {
        size_t seen = atomic_load(&pool.posted);
        lock_pool();
        if (!pool.jobs) {
            unlock_pool();
            wait_awake(seen);
            lock_pool();
        }
        pool.sleeping++;
        while (!pool.jobs)
            fc_condition_wait(&pool.work, &pool.lock);
        pool.sleeping--;
        parallel_job *job = pool.jobs;
        size_t worker = ++job->joined;
        atomic_fetch_add(&job->active, 1);
        if (job->joined == job->helpers)
            remove_job(job);
        unlock_pool();
        fc_caller own;
        fc_work_for(&own, job->interrupted);
        fesetenv(&job->environment);
        take_tasks(job, worker);
        fc_work_for(&own, NULL);
        atomic_fetch_sub(&job->active, 1); /* the job may be gone from here on */
        if (!atomic_load(&pool.waiting))
            continue;
        lock_pool();
        fc_condition_broadcast(&pool.done);
        unlock_pool();
    }
}

/* The lock is held. Where no thread can be had, fewer do the work. */
static void grow_pool(size_t workers) {
    if (pool.workers >= workers)
        return;
    pool.workers += fc_os_start_threads(&pool.threads[pool.workers], workers - pool.workers, work);
    pool.avoided = -1;
}

/*
 * Keeps the workers off the caller's CPU. A CPU of a virtual machine that has slept for some milliseconds passes for
 * taken, so the kernel would wake a worker where its caller computes, and the caller would be done before the worker
 * gets a turn.
 */
static void avoid_this_cpu(void) { fc_os_avoid_this_cpu(pool.threads, pool.workers, &pool.avoided); }

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
    for (size_t i = 0; i < wanted; i++) /* unlocked: or the worker would wake only to wait for the lock */
        fc_condition_signal(&pool.work);
}

/* The lock is held. Sleeps until helpers are done, or until it is time to ask whether the call should end. */
static void sleep_a_while(void) {
    const fc_caller *caller = fc_current_caller();
    if (caller && caller->interrupts)
        fc_condition_wait_for(&pool.done, &pool.lock, ASLEEP);
    else
        fc_condition_wait(&pool.done, &pool.lock);
}

static void wait_for_helpers(parallel_job *job) {
    lock_pool();
    remove_job(job);
    unlock_pool();
    /* The last tasks end soon, and sleeping through them would cost the caller a wake-up of its own. */
    for (int yields = 0; yields < WAIT_YIELDS && atomic_load(&job->active); yields++) {
        for (int i = 0; i < SPINS && atomic_load(&job->active); i++)
            fc_cpu_pause();
        fc_os_yield();
    }
    while (atomic_load(&job->active)) {
        lock_pool();
        atomic_fetch_add(
            &pool.waiting, 1); /* before a look at `active`: either the worker sees it or this the worker's end */
        if (atomic_load(&job->active))
            sleep_a_while();
        atomic_fetch_sub(&pool.waiting, 1);
        unlock_pool();
        fc_interrupted(); /* the helpers' tasks see what comes of it */
    }
}

void fc_record_tasks(fc_task_time *times, size_t room) {
    record.times = times;
    record.room = room;
    record.tasks = record.loops = 0;
}

size_t fc_recorded_tasks(void) {
    record.times = NULL;
    return record.tasks;
}

/* All tasks in this thread. */
static void record_tasks(size_t tasks, size_t workers, fc_task *task, void *job) {
    inside_task = 1;
    for (size_t i = 0; i < tasks && !fc_interrupted(); i++) {
        const int64_t begin = fc_os_thread_nanoseconds();
        task(job, i, 0);
        if (record.tasks++ < record.room)
            record.times[record.tasks - 1] = (fc_task_time){record.loops, workers, begin, fc_os_thread_nanoseconds()};
    }
    record.loops++;
    inside_task = 0;
}

void fc_parallel_for(size_t tasks, size_t workers, fc_task *task, void *job) {
    const fc_caller *caller = fc_current_caller();
    share shares[MOST_SHARES];
    parallel_job shared = {.task = task,
        .job = job,
        .shares = shares,
        .helpers = workers - 1,
        .interrupted = caller ? caller->ends_with : NULL};
    if (fc_interrupted())
        return;
    if (record.times && !inside_task) {
        record_tasks(tasks, workers, task, job);
        return;
    }
    share_out(&shared, tasks, workers);
    if (workers > 1)
        post(&shared);
    take_tasks(&shared, 0);
    if (workers > 1)
        wait_for_helpers(&shared);
}
