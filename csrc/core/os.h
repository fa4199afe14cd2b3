/* SPDX-License-Identifier: MIT */
/*
 * What differs between operating systems: core/os/windows.c, or posix.c with linux.c or unix.c, and macos.c. In the
 * place of C11's threads.h, which macOS and Microsoft's older libraries lack.
 */
#ifndef FC_CORE_OS_H
#define FC_CORE_OS_H

#include <stddef.h>
#include <stdint.h>

/* ---------------------------------------------------------------- threads */

#ifdef _WIN32
/* SRWLOCK, CONDITION_VARIABLE and INIT_ONCE, all of which are a pointer that begins as NULL. */
typedef struct fc_mutex {
    void *state;
} fc_mutex;
typedef struct fc_condition {
    void *state;
} fc_condition;
typedef struct fc_once {
    void *state;
} fc_once;
typedef unsigned long fc_thread_key;
typedef void *fc_thread;
#define FC_MUTEX_INITIALIZER {NULL}
#define FC_CONDITION_INITIALIZER {NULL}
#define FC_ONCE_INITIALIZER {NULL}
#else
#include <pthread.h>
typedef pthread_mutex_t fc_mutex;
typedef pthread_cond_t fc_condition;
typedef pthread_once_t fc_once;
typedef pthread_key_t fc_thread_key;
typedef pthread_t fc_thread;
#define FC_MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#define FC_CONDITION_INITIALIZER PTHREAD_COND_INITIALIZER
#define FC_ONCE_INITIALIZER PTHREAD_ONCE_INIT
#endif

void fc_mutex_lock(fc_mutex *mutex);
int fc_mutex_try_lock(fc_mutex *mutex); /* 1 where it has the lock */
void fc_mutex_unlock(fc_mutex *mutex);
void fc_condition_wait(fc_condition *condition, fc_mutex *mutex);
void fc_condition_wait_for(fc_condition *condition, fc_mutex *mutex, int milliseconds);
void fc_condition_signal(fc_condition *condition);
void fc_condition_broadcast(fc_condition *condition);
/* As new, whatever became of the threads that held it or waited. */
void fc_mutex_reset(fc_mutex *mutex);
void fc_condition_reset(fc_condition *condition);

void fc_call_once(fc_once *once, void (*call)(void));

/* Starts up to `wanted` threads that run until the process ends and receive no signals. Returns how many. */
size_t fc_os_start_threads(fc_thread *threads, size_t wanted, void (*run)(void));
void fc_os_yield(void);
/* Keeps the threads off the CPU of the calling thread. *avoided is that CPU from the last call, or -1. */
void fc_os_avoid_this_cpu(const fc_thread *threads, size_t count, int *avoided);

/* `end` is called with what a thread has set, when it ends; NULL is nothing set. */
void fc_os_make_key(fc_thread_key *key, void (*end)(void *));
void fc_os_set_key(fc_thread_key key, void *value);

/* Around fork, where there is such a thing; NULL for nothing. */
void fc_os_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

/* ---------------------------------------------------------------- CPUs */

/* CPUs that this process may keep busy, at least 1: those of its affinity, no more than the quota of its control
 * groups. */
int fc_os_cpus(void);

/* The same quota rounded up to CPUs, or INT_MAX. `proc` and `root` stand for /proc and /sys/fs/cgroup. */
int fc_os_quota(const char *proc, const char *root);

/* Bytes of one data cache of level 1 to 3, 0 where the system does not say. */
size_t fc_os_cache_bytes(int level);

/* Whether this process may use the tile registers of AMX. */
int fc_os_may_use_tiles(void);

/* ---------------------------------------------------------------- time and memory */

/* Time that only goes forward, in steps of some milliseconds at most. */
int64_t fc_os_milliseconds(void);
/* The same clock as fine as it goes. */
int64_t fc_os_nanoseconds(void);
/* How long the calling thread has had a CPU, or that clock where the system counts it in larger steps. */
int64_t fc_os_thread_nanoseconds(void);

/* alignment: a power of two, of pointers' size at least. NULL where there is no memory. Release with fc_os_free. */
void *fc_os_allocate(size_t alignment, size_t bytes);
void fc_os_free(void *block);

/* Asks for large pages under a block; tells the system that it may take the pages of a block, whose contents are lost
 * then. */
void fc_os_use_large_pages(void *block, size_t bytes);
void fc_os_offer_pages(void *block, size_t bytes);

/* Gives the system back what malloc holds free, where that can be asked for. */
void fc_os_trim_heap(void);

#endif
