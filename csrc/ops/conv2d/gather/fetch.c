/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gather/fetch.h"

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"

enum { TASK_BYTES = 1 << 16 };

typedef struct fetch_job {
    const char *at;
    size_t bytes;
} fetch_job;

static void read_lines(void *job_, size_t task, size_t worker) {
    (void)worker;
    const fetch_job *job = job_;
    const size_t begin = task * TASK_BYTES, end = fc_least(job->bytes, begin + TASK_BYTES);
    for (size_t i = begin; i < end; i += FC_ALIGNMENT)
        (void)*(const volatile char *)(job->at + i);
}

void fc_fetch_kernel(const void *kernel, size_t bytes, size_t workers) {
    fetch_job job = {kernel, bytes};
    if (bytes > fc_caches()->l2 / 2)
        fc_parallel_for(fc_parts(bytes, TASK_BYTES), workers, read_lines, &job);
}
