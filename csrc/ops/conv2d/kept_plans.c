/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/kept_plans.h"

#include <stdatomic.h>

#include "core/dispatch.h"
#include "core/os.h"
#include "core/size.h"
#include "ops/conv2d/params.h"

enum { SLOTS = 2 * FC_MOST_KEPT_PLANS };

typedef struct kept {
    fc_conv2d_params params;
    size_t isa;
    fc_purpose purpose;
    int id, given; /* given: not measured here */
} kept;

/* A hash table: slots hold 1 + the index of what is kept, in the order in which it came, or 0. */
static struct {
    fc_mutex lock;
    atomic_size_t count; /* read without the lock */
    kept all[FC_MOST_KEPT_PLANS];
    uint16_t slots[SLOTS];
} table = {.lock = FC_MUTEX_INITIALIZER};
static atomic_int planning;
static atomic_uint version;

static void lock_table(void) { fc_mutex_lock(&table.lock); }
static void unlock_table(void) { fc_mutex_unlock(&table.lock); }
__attribute__((constructor)) static void watch_fork(void) { fc_os_at_fork(lock_table, unlock_table, unlock_table); }

unsigned fc_kept_plans_version(void) { return atomic_load_explicit(&version, memory_order_relaxed); }

fc_status fc_set_planning(fc_planning to) {
    if (to < FC_PLANNING_ESTIMATE || to >= FC_PLANNING_COUNT)
        return FC_BAD_ARGUMENT;
    atomic_store(&planning, to);
    atomic_fetch_add(&version, 1);
    return FC_OK;
}

fc_planning fc_get_planning(void) { return (fc_planning)atomic_load_explicit(&planning, memory_order_relaxed); }

/* All that a choice depends on. */
static kept key_of(const fc_layer *layer, fc_purpose purpose) {
    kept key = {.params = layer->params, .isa = fc_isa_of(layer->kernels), .purpose = purpose};
    if (!fc_is_integer(key.params.dtype))
        key.params.kernel_dtype = key.params.dtype;
    key.params.activation = FC_LINEAR;
    key.params.alpha = 0;
    key.params.algorithm = FC_CONV_AUTO;
    return key;
}

/* The lock is held. The slot of a key, or the free one that it would take. */
static uint16_t *find(const kept *key) {
    size_t slot = fc_params_hash(&key->params, (size_t)key->purpose) % SLOTS;
    for (; table.slots[slot]; slot = (slot + 1) % SLOTS) {
        const kept *at = &table.all[table.slots[slot] - 1];
        if (at->isa == key->isa && at->purpose == key->purpose && fc_params_equal(&at->params, &key->params))
            break;
    }
    return &table.slots[slot];
}

int fc_kept_algorithm(const fc_layer *layer, fc_purpose purpose) {
    if (!atomic_load_explicit(&table.count, memory_order_relaxed))
        return 0;
    const kept key = key_of(layer, purpose);
    lock_table();
    const uint16_t slot = *find(&key);
    const kept *found = slot ? &table.all[slot - 1] : NULL;
    const int id = found && (found->given || fc_get_planning() == FC_PLANNING_MEASURE) ? found->id : 0;
    unlock_table();
    return id;
}

int fc_may_keep_plans(void) { return atomic_load(&table.count) < FC_MOST_KEPT_PLANS; }

/* What is kept of a key: the first that was measured, or the last that was given. 0 where there is no room. */
static int keep(const kept *key) {
    int id = 0;
    lock_table();
    uint16_t *slot = find(key);
    if (!*slot && fc_may_keep_plans()) {
        table.all[table.count] = *key;
        *slot = (uint16_t)++table.count;
    } else if (*slot && key->given)
        table.all[*slot - 1] = *key;
    if (*slot)
        id = table.all[*slot - 1].id;
    unlock_table();
    return id;
}

int fc_keep_measured(const fc_layer *layer, fc_purpose purpose, int id) {
    kept key = key_of(layer, purpose);
    key.id = id;
    return keep(&key);
}

int fc_keep_given(const fc_layer *layer, fc_purpose purpose, int id) {
    kept key = key_of(layer, purpose);
    key.id = id;
    key.given = 1;
    id = keep(&key);
    atomic_fetch_add(&version, 1);
    return id;
}

size_t fc_kept_plan_count(void) { return atomic_load(&table.count); }

fc_status fc_get_kept_plan(size_t index, fc_kept_plan *plan) {
    fc_status status = FC_BAD_ARGUMENT;
    lock_table();
    if (index < table.count) {
        const kept *at = &table.all[index];
        *plan = (fc_kept_plan){fc_isa_name(at->isa), at->purpose, at->params, at->id};
        status = FC_OK;
    }
    unlock_table();
    return status;
}

void fc_forget_plans(void) {
    lock_table();
    atomic_store(&table.count, 0);
    memset(table.slots, 0, sizeof table.slots);
    unlock_table();
    atomic_fetch_add(&version, 1);
}
