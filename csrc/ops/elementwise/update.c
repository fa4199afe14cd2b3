/* SPDX-License-Identifier: MIT */
/* Steps of optimizers: a task has numbers whose arrays stay in L2. */
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/size.h"

enum { TASK = 1 << 14 }; /* numbers */

typedef struct update_job {
    const fc_update *update;
    fc_update_fn *run;
    size_t size;
} update_job;

static void run_task(void *job_, size_t task, size_t worker) {
    (void)worker;
    const update_job *job = job_;
    const size_t begin = task * TASK, offset = begin * job->size;
    fc_update part = *job->update;
    part.count = fc_least(part.count - begin, TASK);
    part.gradient = (const char *)part.gradient + offset;
    part.value = (char *)part.value + offset;
    for (size_t slot = 0; slot < FC_UPDATE_SLOTS; slot++)
        if (part.slots[slot])
            part.slots[slot] = (char *)part.slots[slot] + offset;
    job->run(&part);
}

/* The slots that a rule cannot do without come first. */
static int has_slots(const fc_update *update) {
    static const size_t needed[FC_UPDATE_RULE_COUNT] = {[FC_UPDATE_ADAM] = 2, [FC_UPDATE_RMSPROP] = 1};
    for (size_t slot = 0; slot < needed[update->rule]; slot++)
        if (!update->slots[slot])
            return 0;
    return 1;
}

fc_status fc_update_weights(fc_dtype dtype, const fc_update *update) {
    enum { WORK_A_NUMBER = 32 };
    const fc_kernels *kernels;
    size_t bytes;
    if (dtype != FC_F32 && dtype != FC_F64)
        return FC_BAD_DTYPE;
    if (update->rule < 0 || update->rule >= FC_UPDATE_RULE_COUNT)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)update->count, (ptrdiff_t)fc_dtype_size(dtype)}, 2, &bytes));
    if (!bytes)
        return FC_OK;
    if (!update->gradient || !update->value || !has_slots(update))
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_find_kernels(&kernels));
    update_job job = {update, dtype == FC_F64 ? kernels->update_f64 : kernels->update_f32, fc_dtype_size(dtype)};
    const size_t tasks = fc_parts(update->count, TASK);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, WORK_A_NUMBER * (double)update->count), run_task, &job);
    return FC_OK;
}
