/* SPDX-License-Identifier: MIT */
/* What a thread's fc_caller says of the calls that it makes. */
#ifndef FC_CORE_CALLER_H
#define FC_CORE_CALLER_H

#include "fastconv_threads.h"

/* Of this thread; NULL outside of fc_enter and fc_leave. */
const fc_caller *fc_current_caller(void);

/*
 * Whether the present call should end. Loops ask between pieces of work of less than about 50 ms, return when it says
 * so, and leave their results undefined. What outlives the call must not be made from them.
 */
int fc_interrupted(void);

/* On a worker: its tasks end when those of the caller do. Goes back to no caller with NULL. */
void fc_work_for(fc_caller *own, int *interrupted);

#endif
