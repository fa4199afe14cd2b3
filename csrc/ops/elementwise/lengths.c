/* SPDX-License-Identifier: MIT */
/* Lengths of gradients, as edge filters give them. */
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/size.h"

enum { CHUNK = 1 << 14 }; /* numbers of a task */

typedef struct job {
    fc_lengths_fn *run;
    const unsigned char *a, *b;
    unsigned char *out;
    size_t n, size, out_size;
    int odd;
} job;

static void run_task(void *job_, size_t task, size_t worker) {
    job *j = job_;
    const size_t at = task * CHUNK, count = fc_least(CHUNK, j->n - at);
    (void)worker;
    if (!j->run(j->a + at * j->size, j->b + at * j->size, j->out + at * j->out_size, count))
        __atomic_store_n(&j->odd, 1, __ATOMIC_RELAXED);
}

fc_status fc_lengths(fc_dtype dtype, size_t n, const void *a, const void *b, void *out, int *held) {
    const fc_kernels *kernels;
    if ((n && (!a || !b || !out)) || !held)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_find_kernels(&kernels));
    job j = {.a = a, .b = b, .out = out, .n = n, .size = fc_dtype_size(dtype), .out_size = fc_dtype_size(dtype)};
    if (dtype == FC_I16) {
        j.run = kernels->lengths_i16;
        j.out_size = sizeof(float);
    } else if (dtype == FC_F32 || dtype == FC_F64)
        j.run = dtype == FC_F32 ? kernels->lengths_f32 : kernels->lengths_f64;
    else
        return FC_BAD_DTYPE;
    const size_t tasks = fc_parts(n, CHUNK);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 8 * (double)n), run_task, &j);
    *held = !j.odd;
    return FC_OK;
}
