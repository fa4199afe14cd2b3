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

/*
 * Around calls of one thread that follow one another, as the steps of training: workers wait awake for the next one,
 * for some 1 ms at most. The end takes what the beginning has returned.
 */
int fc_begin_series(void);
void fc_end_series(int counted);

/* When a task began and ended, in the time that its thread has had a CPU for. */
typedef struct fc_task_time {
    size_t loop, threads; /* the loop, counted from 0, and how many threads it might have used */
    int64_t begin, end;   /* nanoseconds */
} fc_task_time;

/* Until fc_recorded_tasks, this thread runs the tasks of its calls by itself and writes their times to `times`, as many
 * as there is room for. */
void fc_record_tasks(fc_task_time *times, size_t room);
/* How many tasks were run. */
size_t fc_recorded_tasks(void);

FC_END

#endif
