/* SPDX-License-Identifier: MIT */
/* What all systems but Windows share. */
#ifndef _WIN32
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "core/os.h"

enum { MILLISECOND = 1000000, SECOND = 1000000000 }; /* in nanoseconds */

void fc_mutex_lock(fc_mutex *mutex) { pthread_mutex_lock(mutex); }
int fc_mutex_try_lock(fc_mutex *mutex) { return !pthread_mutex_trylock(mutex); }
void fc_mutex_unlock(fc_mutex *mutex) { pthread_mutex_unlock(mutex); }
void fc_mutex_reset(fc_mutex *mutex) { pthread_mutex_init(mutex, NULL); }

void fc_condition_wait(fc_condition *condition, fc_mutex *mutex) { pthread_cond_wait(condition, mutex); }
void fc_condition_signal(fc_condition *condition) { pthread_cond_signal(condition); }
void fc_condition_broadcast(fc_condition *condition) { pthread_cond_broadcast(condition); }
void fc_condition_reset(fc_condition *condition) { pthread_cond_init(condition, NULL); }

void fc_condition_wait_for(fc_condition *condition, fc_mutex *mutex, int milliseconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += milliseconds % 1000 * MILLISECOND;
    until.tv_sec += until.tv_nsec / SECOND;
    until.tv_nsec %= SECOND;
    pthread_cond_timedwait(condition, mutex, &until);
}

void fc_call_once(fc_once *once, void (*call)(void)) { pthread_once(once, call); }

static void *run_thread(void *run) {
    (*(void (**)(void))run)();
    return NULL;
}

size_t fc_os_start_threads(fc_thread *threads, size_t wanted, void (*run)(void)) {
    static void (*running)(void); /* every call has the same */
    sigset_t all, before;
    pthread_attr_t detached;
    size_t started = 0;
    running = run;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (started < wanted && !pthread_create(&threads[started], &detached, run_thread, &running))
        started++;
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void fc_os_yield(void) { sched_yield(); }

static int64_t nanoseconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

int64_t fc_os_nanoseconds(void) { return nanoseconds_of(CLOCK_MONOTONIC); }
int64_t fc_os_thread_nanoseconds(void) { return nanoseconds_of(CLOCK_THREAD_CPUTIME_ID); }

void fc_os_make_key(fc_thread_key *key, void (*end)(void *)) { pthread_key_create(key, end); }
void fc_os_set_key(fc_thread_key key, void *value) { pthread_setspecific(key, value); }

void fc_os_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
    pthread_atfork(before, in_parent, in_child);
}

void *fc_os_allocate(size_t alignment, size_t bytes) {
    void *block = NULL;
    return posix_memalign(&block, alignment, bytes) ? NULL : block;
}

void fc_os_free(void *block) { free(block); }
#endif
