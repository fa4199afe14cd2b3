/* SPDX-License-Identifier: MIT */
/* A kernel kept packed, in as many forms as the layers it is run on ask for. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/fused_pool.h"
#include "ops/conv2d/plan.h"

/* One form of the kernel. A list of them only grows, by as many as an algorithm has forms: a few. */
typedef struct packed_kernel {
    struct packed_kernel *next;
    fc_packed_form form;
    size_t bytes;
    void *data;
} packed_kernel;

/* Which algorithm is best depends on the image, so each is packed when it is first chosen, from the kernel as it was
 * given: a copy of it, unless the caller keeps it. */
struct fc_conv2d_prepared {
    fc_conv2d_params params;
    const fc_kernels *kernels;
    _Atomic(const void *) kernel; /* NULL while it may not be read */
    const void *bias;
    void *copies[2];
    size_t copied_bytes;
    _Atomic(packed_kernel *) packed[FC_CONV_ALGORITHM_COUNT];
};

static fc_status copy_of(const void *from, const ptrdiff_t *sizes, size_t count, void **copy, size_t *all) {
    size_t bytes;
    FC_TRY(fc_multiply(sizes, count, &bytes));
    *copy = fc_scratch_alloc(bytes);
    if (!*copy)
        return FC_OUT_OF_MEMORY;
    memcpy(*copy, from, bytes);
    *all += bytes;
    return FC_OK;
}

fc_status fc_conv2d_prepare_kept(
    const fc_conv2d_params *p, const void *kernel, const void *bias, fc_conv2d_prepared **out) {
    fc_layer layer;
    FC_TRY(fc_layer_make(p, &layer));
    *out = calloc(1, sizeof **out);
    if (!*out)
        return FC_OUT_OF_MEMORY;
    **out = (fc_conv2d_prepared){.params = *p, .kernels = layer.kernels, .bias = bias};
    atomic_init(&(*out)->kernel, kernel);
    return FC_OK;
}

fc_status fc_conv2d_prepare(const fc_conv2d_params *p, const void *kernel, const void *bias, fc_conv2d_prepared **out) {
    fc_conv2d_prepared *made;
    FC_TRY(fc_conv2d_prepare_kept(p, kernel, bias, &made));
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(p->dtype);
    fc_status status = copy_of(kernel, (ptrdiff_t[]){p->k_h, p->k_w, p->c_in / p->groups, p->c_out, size}, 5,
        &made->copies[0], &made->copied_bytes);
    if (!status && bias)
        status = copy_of(bias, (ptrdiff_t[]){p->c_out, (ptrdiff_t)fc_dtype_size(fc_output_dtype(p->dtype))}, 2,
            &made->copies[1], &made->copied_bytes);
    atomic_init(&made->kernel, made->copies[0]);
    made->bias = made->copies[1];
    if (status)
        fc_conv2d_free(made);
    else
        *out = made;
    return status;
}

size_t fc_conv2d_prepared_bytes(const fc_conv2d_prepared *prepared) {
    size_t bytes = prepared->copied_bytes;
    for (size_t id = 0; id < FC_CONV_ALGORITHM_COUNT; id++)
        for (const packed_kernel *packed = atomic_load(&prepared->packed[id]); packed; packed = packed->next)
            bytes += packed->bytes;
    return bytes;
}

fc_status fc_conv2d_prepared_weights(const fc_conv2d_prepared *prepared, const void **kernel, const void **bias) {
    if (!prepared)
        return FC_BAD_ARGUMENT;
    *kernel = atomic_load(&prepared->kernel);
    *bias = prepared->bias;
    return FC_OK;
}

static void free_packed(packed_kernel *packed) {
    while (packed) {
        packed_kernel *next = packed->next;
        fc_scratch_free(packed->data);
        free(packed);
        packed = next;
    }
}

void fc_conv2d_free(fc_conv2d_prepared *prepared) {
    if (!prepared)
        return;
    for (size_t id = 0; id < FC_CONV_ALGORITHM_COUNT; id++)
        free_packed(atomic_load(&prepared->packed[id]));
    fc_scratch_free(prepared->copies[0]);
    fc_scratch_free(prepared->copies[1]);
    free(prepared);
}

static int same_kernel(const fc_conv2d_params *a, const fc_conv2d_params *b) {
    return a->dtype == b->dtype && (!fc_is_integer(a->dtype) || a->kernel_dtype == b->kernel_dtype) &&
        a->layout == b->layout && a->c_in == b->c_in && a->c_out == b->c_out && a->k_h == b->k_h && a->k_w == b->k_w &&
        a->groups == b->groups && a->stride_h == b->stride_h && a->stride_w == b->stride_w &&
        a->dilation_h == b->dilation_h && a->dilation_w == b->dilation_w;
}

static const packed_kernel *find_form(const packed_kernel *packed, const fc_packed_form *form) {
    while (packed && memcmp(&packed->form, form, sizeof *form) != 0)
        packed = packed->next;
    return packed;
}

/* Threads that come here together each pack, and the first one's is kept. */
static const packed_kernel *keep(_Atomic(packed_kernel *) *kept, packed_kernel *made) {
    const packed_kernel *found;
    made->next = atomic_load(kept);
    while (!(found = find_form(made->next, &made->form)))
        if (atomic_compare_exchange_weak(kept, &made->next, made))
            return made;
    made->next = NULL;
    free_packed(made);
    return found;
}

static fc_status packed_for(
    const fc_conv2d_prepared *prepared, const fc_layer_plan *plan, const void *kernel, const void **packed) {
    _Atomic(packed_kernel *) *kept = &((fc_conv2d_prepared *)prepared)->packed[plan->id];
    const packed_kernel *found = find_form(atomic_load(kept), &plan->form);
    if (!kernel && (!found || fc_plan_reads_kernel(plan)))
        return FC_NOT_PACKED;
    if (!found) {
        packed_kernel *made = calloc(1, sizeof *made);
        if (!made)
            return FC_OUT_OF_MEMORY;
        made->form = plan->form;
        made->bytes = plan->packed_bytes;
        const fc_status status = fc_plan_pack(plan, kernel, prepared->bias, &made->data);
        if (status) {
            free_packed(made);
            return status;
        }
        found = keep(kept, made);
    }
    *packed = found->data;
    return FC_OK;
}

/* The layer of these sizes with the prepared kernel. */
static fc_status make_prepared(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, fc_layer *layer) {
    if (!prepared)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_layer_make_for(p, prepared->kernels, layer));
    layer->params.precision = prepared->params.precision;
    return same_kernel(p, &prepared->params) ? FC_OK : FC_BAD_SHAPE;
}

fc_status fc_conv2d_run(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const void *x, void *y) {
    return fc_conv2d_run_added(prepared, p, x, NULL, y);
}

/* The plan of a run and what it reads; nothing is to be run where the layer is empty. */
static fc_status plan_run(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, fc_layer_plan *plan,
    fc_layer_weights *weights, int *empty) {
    fc_layer layer;
    FC_TRY(make_prepared(prepared, p, &layer));
    FC_TRY(fc_plan_layer(&layer, FC_RUN_PREPARED, 1, plan));
    *empty = fc_layer_is_empty(&layer);
    if (*empty)
        return FC_OK;
    *weights = (fc_layer_weights){atomic_load(&prepared->kernel), prepared->bias, NULL};
    return packed_for(prepared, plan, weights->kernel, &weights->packed);
}

fc_status fc_conv2d_run_added(
    const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const void *x, const void *added, void *y) {
    fc_layer_plan plan;
    fc_layer_weights weights;
    int empty;
    if (added && p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(plan_run(prepared, p, &plan, &weights, &empty));
    return empty ? FC_OK : fc_plan_run_adding(&plan, &weights, x, added, y);
}

/* Whether what is left are numbers of uint8, or all of int8. */
static int are_bytes(const fc_requantization *q) {
    const int least = q->low < 0 || q->zero < 0 ? INT8_MIN : 0;
    return q->low <= q->high && q->low >= least && q->high <= least + UINT8_MAX && q->zero >= least &&
        q->zero <= least + UINT8_MAX && q->x_zero >= INT8_MIN && q->x_zero <= UINT8_MAX;
}

fc_status fc_conv2d_run_quantized(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p,
    const fc_requantization *requantization, const void *x, void *y) {
    fc_layer_plan plan;
    fc_layer_weights weights;
    int empty;
    if (!fc_is_integer(p->dtype))
        return FC_BAD_DTYPE;
    if (!requantization || !requantization->factors || p->activation != FC_LINEAR || !are_bytes(requantization))
        return FC_BAD_ARGUMENT;
    FC_TRY(plan_run(prepared, p, &plan, &weights, &empty));
    plan.layer.requantized = requantization;
    return empty ? FC_OK : fc_plan_run(&plan, &weights, x, y);
}

fc_status fc_conv2d_prepared_choose(
    const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, fc_conv2d_algorithm *chosen) {
    fc_layer layer;
    fc_layer_plan plan;
    FC_TRY(make_prepared(prepared, p, &layer));
    FC_TRY(fc_plan_layer(&layer, FC_RUN_PREPARED, 1, &plan));
    *chosen = (fc_conv2d_algorithm)plan.id;
    return FC_OK;
}

static fc_status make_pooled(
    const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const fc_pool2d_params *pool, fc_layer *layer) {
    FC_TRY(make_prepared(prepared, p, layer));
    if (pool->dtype != p->dtype)
        return FC_BAD_DTYPE;
    const fc_tensor_view *y = &layer->view.dst;
    if (pool->layout != p->layout || pool->n != p->n || pool->h != y->h || pool->w != y->w || pool->c != p->c_out)
        return FC_BAD_SHAPE;
    return FC_OK;
}

/* Whether pooling in registers serves, and costs less than a pass of its own. */
static int pools_in_registers(const fc_layer *layer, const fc_pool2d_params *pool) {
    fc_layer_plan plan;
    return !fc_layer_is_empty(layer) && fc_fused_pool_supports(layer, pool) &&
        !fc_plan_layer(layer, FC_RUN_PREPARED, 1, &plan) && fc_fused_pool_cost(layer, pool) < plan.cycles;
}

fc_status fc_conv2d_prepared_pools(
    const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const fc_pool2d_params *pool, int *better) {
    fc_layer layer;
    FC_TRY(make_pooled(prepared, p, pool, &layer));
    *better = pools_in_registers(&layer, pool);
    return FC_OK;
}

/* The kernel is packed as the direct algorithm packs it. */
static fc_status plan_pooled(fc_layer *layer, fc_layer_plan *direct) {
    layer->params.algorithm = FC_CONV_DIRECT;
    return fc_plan_layer(layer, FC_RUN_PREPARED, 1, direct);
}

fc_status fc_conv2d_run_pooled(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p,
    const fc_pool2d_params *pool, const void *x, void *y) {
    fc_layer layer;
    fc_layer_plan direct;
    const void *packed;
    ptrdiff_t out_h, out_w;
    FC_TRY(make_pooled(prepared, p, pool, &layer));
    FC_TRY(fc_pool2d_output_size(pool, &out_h, &out_w));
    if (!fc_fused_pool_supports(&layer, pool))
        return FC_BAD_ARGUMENT;
    if (fc_layer_is_empty(&layer) || !out_h || !out_w)
        return FC_OK;
    FC_TRY(plan_pooled(&layer, &direct));
    FC_TRY(packed_for(prepared, &direct, atomic_load(&prepared->kernel), &packed));
    return fc_fused_pool_run(&layer, pool, packed, prepared->bias != NULL, x, y);
}

fc_status fc_conv2d_prepared_pack(fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const fc_pool2d_params *pool,
    const void *kernel, int *reads) {
    fc_layer layer;
    fc_layer_plan plan;
    const void *packed;
    *reads = 0;
    if (pool)
        FC_TRY(make_pooled(prepared, p, pool, &layer));
    else
        FC_TRY(make_prepared(prepared, p, &layer));
    if (fc_layer_is_empty(&layer))
        return FC_OK;
    FC_TRY(pool ? plan_pooled(&layer, &plan) : fc_plan_layer(&layer, FC_RUN_PREPARED, 1, &plan));
    const void *there = atomic_load(&prepared->kernel);
    FC_TRY(packed_for(prepared, &plan, there ? there : kernel, &packed));
    *reads = fc_plan_reads_kernel(&plan);
    if (*reads && !there)
        atomic_store(&prepared->kernel, kernel);
    return FC_OK;
}

void fc_conv2d_forget_kernel(fc_conv2d_prepared *prepared) { atomic_store(&prepared->kernel, NULL); }
