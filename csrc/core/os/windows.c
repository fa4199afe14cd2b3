/* SPDX-License-Identifier: MIT */
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00 /* Windows 10 */
#endif
#include "core/os.h"

#include <limits.h>
#include <malloc.h>
#include <windows.h>

/* ---------------------------------------------------------------- threads */

_Static_assert(sizeof(fc_mutex) == sizeof(SRWLOCK), "a mutex is an SRWLOCK");
_Static_assert(sizeof(fc_condition) == sizeof(CONDITION_VARIABLE), "a condition is a CONDITION_VARIABLE");
_Static_assert(sizeof(fc_once) == sizeof(INIT_ONCE), "a once is an INIT_ONCE");

void fc_mutex_lock(fc_mutex *mutex) { AcquireSRWLockExclusive((SRWLOCK *)mutex); }
int fc_mutex_try_lock(fc_mutex *mutex) { return TryAcquireSRWLockExclusive((SRWLOCK *)mutex) != 0; }
void fc_mutex_unlock(fc_mutex *mutex) { ReleaseSRWLockExclusive((SRWLOCK *)mutex); }
void fc_mutex_reset(fc_mutex *mutex) { InitializeSRWLock((SRWLOCK *)mutex); }

void fc_condition_wait(fc_condition *condition, fc_mutex *mutex) {
    SleepConditionVariableSRW((CONDITION_VARIABLE *)condition, (SRWLOCK *)mutex, INFINITE, 0);
}
void fc_condition_wait_for(fc_condition *condition, fc_mutex *mutex, int milliseconds) {
    SleepConditionVariableSRW((CONDITION_VARIABLE *)condition, (SRWLOCK *)mutex, (DWORD)milliseconds, 0);
}
void fc_condition_signal(fc_condition *condition) { WakeConditionVariable((CONDITION_VARIABLE *)condition); }
void fc_condition_broadcast(fc_condition *condition) { WakeAllConditionVariable((CONDITION_VARIABLE *)condition); }
void fc_condition_reset(fc_condition *condition) { InitializeConditionVariable((CONDITION_VARIABLE *)condition); }

static BOOL CALLBACK call_it(PINIT_ONCE once, PVOID call, PVOID *context) {
    (void)once;
    (void)context;
    (*(void (**)(void))call)();
    return TRUE;
}

void fc_call_once(fc_once *once, void (*call)(void)) { InitOnceExecuteOnce((INIT_ONCE *)once, call_it, &call, NULL); }

static DWORD WINAPI run_thread(LPVOID run) {
    (*(void (**)(void))run)();
    return 0;
}

size_t fc_os_start_threads(fc_thread *threads, size_t wanted, void (*run)(void)) {
    static void (*running)(void); /* every call has the same */
    size_t started = 0;
    for (running = run; started < wanted; started++) {
        threads[started] = CreateThread(NULL, 0, run_thread, &running, 0, NULL);
        if (!threads[started])
            break;
    }
    return started;
}

void fc_os_yield(void) { SwitchToThread(); }

void fc_os_avoid_this_cpu(const fc_thread *threads, size_t count, int *avoided) {
    (void)threads;
    (void)count;
    (void)avoided;
}

/* On the processors that Windows has for Python, FLS callbacks have C's own calling convention. */
void fc_os_make_key(fc_thread_key *key, void (*end)(void *)) { *key = FlsAlloc((PFLS_CALLBACK_FUNCTION)end); }
void fc_os_set_key(fc_thread_key key, void *value) { FlsSetValue(key, value); }

void fc_os_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
    (void)before;
    (void)in_parent;
    (void)in_child;
}

/* ---------------------------------------------------------------- CPUs */

int fc_os_quota(const char *proc, const char *root) {
    (void)proc;
    (void)root;
    return INT_MAX;
}

int fc_os_cpus(void) {
    DWORD_PTR process, all;
    int cpus = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &process, &all))
        for (; process; process &= process - 1)
            cpus++;
    return cpus ? cpus : 1; /* the mask is 0 where threads are in several groups of 64 */
}

size_t fc_os_cache_bytes(int level) {
    enum { MOST = 1024 };
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION found[MOST];
    DWORD bytes = sizeof found;
    if (!GetLogicalProcessorInformation(found, &bytes))
        return 0;
    for (DWORD i = 0; i < bytes / sizeof *found; i++)
        if (found[i].Relationship == RelationCache && found[i].Cache.Level == level &&
            found[i].Cache.Type != CacheInstruction)
            return found[i].Cache.Size;
    return 0;
}

int fc_os_may_use_tiles(void) { return 0; }

/* ---------------------------------------------------------------- time and memory */

int64_t fc_os_milliseconds(void) { return (int64_t)GetTickCount64(); }

int64_t fc_os_nanoseconds(void) {
    enum { SECOND = 1000000000 };
    LARGE_INTEGER ticks, rate;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    return ticks.QuadPart / rate.QuadPart * SECOND + ticks.QuadPart % rate.QuadPart * SECOND / rate.QuadPart;
}

int64_t fc_os_thread_nanoseconds(void) { return fc_os_nanoseconds(); }

void *fc_os_allocate(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }
void fc_os_free(void *block) { _aligned_free(block); }

void fc_os_use_large_pages(void *block, size_t bytes) {
    (void)block;
    (void)bytes;
}

/* Windows keeps pages of a heap in its own account. */
void fc_os_offer_pages(void *block, size_t bytes) {
    (void)block;
    (void)bytes;
}

void fc_os_trim_heap(void) {}
#endif
