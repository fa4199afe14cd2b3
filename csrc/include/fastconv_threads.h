/* SPDX-License-Identifier: MIT */
/* What the caller of fastconv.h's functions says of their threads, and when they should end early. */
#ifndef FASTCONV_THREADS_H
#define FASTCONV_THREADS_H

#include "fastconv.h"

FC_BEGIN

/* As fc_set_num_threads, for calls outside of fc_enter and fc_leave alone. */
void fc_share_num_threads(int n);

/* What holds for the calls that a thread makes between fc_enter and fc_leave, which nest. It stays in its place until
 * then. */
typedef struct fc_caller {
    int threads; /* their number; 0: what fc_share_num_threads or fc_set_num_threads says; -1: the latter alone */
    int (*interrupts)(void);     /* NULL, or asked in this thread, some 40 ms apart: other than 0 ends the call */
    int interrupted, *ends_with; /* from here on fc_enter's */
    int64_t next;
    struct fc_caller *outer;
} fc_caller;

void fc_enter(fc_caller *caller);
/* Whether a call was ended early: its status means nothing then, and its outputs are undefined. */
int fc_leave(void);

FC_END

#endif
