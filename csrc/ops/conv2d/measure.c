/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/measure.h"

#include <math.h>

#include "core/caller.h"
#include "core/os.h"
#include "core/scratch.h"
#include "core/size.h"

enum {
    CLOSE = 2,
    LEAST_ROUNDS = 2,
    MOST_ROUNDS = 8,
    SLOT = 200000,       /* nanoseconds that a short run is repeated for */
    BUDGET = 100000000,  /* nanoseconds after which no further round begins */
    NUMBERS = 0x3c,      /* the bytes of tensors: small normal numbers, whatever the dtype */
    MOST_BYTES = 1 << 29 /* of a tensor */
};

typedef struct candidate {
    fc_layer_plan plan;
    fc_trial on;
    double nanoseconds; /* of the fastest run; INFINITY where it could not run */
} candidate;

static fc_status tensor_bytes(const fc_layer *layer, size_t bytes[3]) {
    const fc_conv2d_params *p = &layer->params;
    const fc_dtype kernel = fc_is_integer(p->dtype) ? p->kernel_dtype : p->dtype;
    const ptrdiff_t x[] = {p->n, p->h, p->w, p->c_in, (ptrdiff_t)fc_dtype_size(p->dtype)},
                    weights[] = {(ptrdiff_t)fc_view_k(&layer->view), p->c_out, (ptrdiff_t)fc_dtype_size(kernel)},
                    y[] = {(ptrdiff_t)fc_view_pixels(&layer->view), p->c_out,
                        (ptrdiff_t)fc_dtype_size(fc_output_dtype(p->dtype))};
    FC_TRY(fc_multiply(x, 5, &bytes[0]));
    FC_TRY(fc_multiply(weights, 3, &bytes[1]));
    return fc_multiply(y, 3, &bytes[2]);
}

/* One block of memory, which begins at on->x. */
static fc_status make_tensors(const fc_layer *layer, fc_trial *on) {
    size_t bytes[3];
    FC_TRY(tensor_bytes(layer, bytes));
    if (bytes[0] > MOST_BYTES || bytes[1] > MOST_BYTES || bytes[2] > MOST_BYTES)
        return FC_TOO_LARGE;
    const size_t kernel = fc_align_up(bytes[0]), y = kernel + fc_align_up(bytes[1]), all = y + bytes[2];
    char *tensors = fc_scratch_alloc(all);
    if (!tensors)
        return FC_OUT_OF_MEMORY;
    memset(tensors, NUMBERS, all);
    *on = (fc_trial){tensors, tensors + kernel, tensors + y, NULL};
    return FC_OK;
}

/* The plans that may be the fastest, first in `all`. */
static size_t find_candidates(const fc_algorithms *algorithms, const fc_layer *layer, candidate *all) {
    size_t made = 0, close = 0;
    double least = INFINITY;
    for (int id = 1; id < algorithms->count; id++) {
        fc_layer_plan *plan = &all[made].plan;
        if (algorithms->make(layer, id, algorithms->purpose, plan) || plan->by_name_only)
            continue;
        least = fmin(least, plan->cycles + plan->packing_cycles);
        made++;
    }
    for (size_t i = 0; i < made; i++)
        if (all[i].plan.cycles + all[i].plan.packing_cycles <= CLOSE * least)
            all[close++].plan = all[i].plan;
    return close;
}

/* Until the call is ended or memory is short, which the candidate then counts as lost for. */
static void prepare(const fc_algorithms *algorithms, const fc_trial *on, candidate *c) {
    c->on = *on;
    c->nanoseconds = INFINITY;
    if (algorithms->complete)
        algorithms->complete(&c->plan);
    if (algorithms->pack && algorithms->pack(&c->plan, &c->on))
        c->on.x = NULL;
}

static void time_runs(const fc_algorithms *algorithms, candidate *c) {
    const int64_t start = fc_os_nanoseconds();
    int64_t spent = 0;
    for (int runs = 1; c->on.x && spent < SLOT; runs++) {
        if (algorithms->run(algorithms->call, &c->plan, &c->on) || fc_interrupted()) {
            c->on.x = NULL;
            c->nanoseconds = INFINITY;
            return;
        }
        spent = fc_os_nanoseconds() - start;
        if (spent >= SLOT)
            c->nanoseconds = fmin(c->nanoseconds, (double)spent / runs);
    }
}

static void time_candidates(const fc_algorithms *algorithms, candidate *all, size_t count) {
    const int64_t start = fc_os_nanoseconds();
    for (int round = 0; round < MOST_ROUNDS; round++) {
        if (round >= LEAST_ROUNDS && fc_os_nanoseconds() - start > BUDGET)
            return;
        for (size_t i = 0; i < count; i++)
            time_runs(algorithms, &all[i]);
    }
}

static int fastest_of(const candidate *all, size_t count) {
    const candidate *best = &all[0];
    for (size_t i = 1; i < count; i++)
        if (all[i].nanoseconds < best->nanoseconds)
            best = &all[i];
    return best->nanoseconds < INFINITY && !fc_interrupted() ? best->plan.id : 0;
}

int fc_measure_fastest(const fc_algorithms *algorithms, const fc_layer *layer) {
    candidate *all = fc_scratch_alloc((size_t)algorithms->count * sizeof *all);
    const size_t count = all ? find_candidates(algorithms, layer, all) : 0;
    int fastest = count == 1 ? all->plan.id : 0;
    fc_trial on;
    if (count > 1 && !make_tensors(layer, &on)) {
        for (size_t i = 0; i < count; i++)
            prepare(algorithms, &on, &all[i]);
        time_candidates(algorithms, all, count);
        fastest = fastest_of(all, count);
        for (size_t i = 0; i < count; i++)
            fc_scratch_free(all[i].on.packed);
        fc_scratch_free(on.x);
    }
    fc_scratch_free(all);
    return fastest;
}
