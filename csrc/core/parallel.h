/* SPDX-License-Identifier: MIT */
/* Threads. Work is cut into tasks by the shape of the problem, never by the number of threads. */
#ifndef FC_CORE_PARALLEL_H
#define FC_CORE_PARALLEL_H

#include <stddef.h>

#include "fastconv.h"

/* Runs task index `task` of the job; `worker` < fc_parallel_workers(...) names the thread's scratch slot. */
typedef void fc_task(void *job, size_t task, size_t worker);

/*
 * How many threads fc_parallel_for would use: at most `tasks`, and no more than give each one
 * FC_WORK_PER_THREAD of `work` (in floating-point operations, or 4 a byte moved).
 */
size_t fc_parallel_workers(size_t tasks, double work);

/*
 * How many tasks a loop of so much work is to be cut into, where its cut has a choice: 16 for balance, and for many
 * cores as many as give each task FC_WORK_PER_TASK. It follows from the problem, not from the threads: so do the bits.
 */
size_t fc_task_count(double work);
/* The same where tasks have sums of their own, which are added up afterwards. */
size_t fc_task_count_of_sums(double work);

/*
 * Runs task(job, i, worker) for i in [0, tasks) on `workers` threads, which an earlier fc_parallel_workers gave. Where
 * the call is to end early (core/caller.h), tasks are left out, and so are those of all later loops of the call.
 */
void fc_parallel_for(size_t tasks, size_t workers, fc_task *task, void *job);

/*
 * Around loops of one thread that follow one another, as those of a network's steps: workers wait awake for the next
 * one, for some 1 ms at most. The end takes what the beginning has returned.
 */
int fc_parallel_begin(void);
void fc_parallel_end(int counted);

/* Whether the caller runs in a task: work nested there has one thread, however many tasks it is cut into. */
int fc_inside_task(void);

#endif
