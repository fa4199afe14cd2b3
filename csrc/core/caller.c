/* SPDX-License-Identifier: MIT */
#include "core/caller.h"

#include "core/os.h"

enum { ASKED_EVERY = 40 }; /* milliseconds; asking takes Python's lock, for which other threads may wait */

static _Thread_local fc_caller *current;

const fc_caller *fc_current_caller(void) { return current; }

void fc_enter(fc_caller *caller) {
    caller->interrupted = 0;
    caller->ends_with = &caller->interrupted;
    caller->next = 0;
    caller->outer = current;
    current = caller;
}

int fc_leave(void) {
    const fc_caller *caller = current;
    current = caller->outer;
    return caller->interrupted;
}

void fc_work_for(fc_caller *own, int *interrupted) {
    *own = (fc_caller){.ends_with = interrupted};
    current = interrupted ? own : NULL;
}

/* What is asked may make calls of its own, which are not this one's. */
static void ask(fc_caller *caller) {
    current = NULL;
    if (caller->interrupts())
        __atomic_store_n(&caller->interrupted, 1, __ATOMIC_RELAXED);
    current = caller;
}

int fc_interrupted(void) {
    fc_caller *caller = current;
    if (!caller)
        return 0;
    if (caller->interrupts && !caller->interrupted) {
        const int64_t now = fc_os_milliseconds();
        if (caller->next && now >= caller->next) {
            ask(caller);
            caller->next = fc_os_milliseconds() + ASKED_EVERY;
        } else if (!caller->next)
            caller->next = now + ASKED_EVERY;
    }
    return __atomic_load_n(caller->ends_with, __ATOMIC_RELAXED);
}
