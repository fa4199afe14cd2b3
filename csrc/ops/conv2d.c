/* SPDX-License-Identifier: MIT */
/* The forward pass: check, choose the algorithm, pack, run. */
#include "ops/conv2d.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/caller.h"
#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/scratch.h"
#include "core/shape.h"
#include "core/size.h"
#include "ops/choices.h"

static const fc_algorithm *const algorithms[FC_CONV_ALGORITHM_COUNT] = {
#define FC_ALGORITHM(id, word) [id] = &fc_algorithm_##word,
#include "ops/algo/list.inc"
#undef FC_ALGORITHM
};

const char *fc_conv2d_algorithm_name(fc_conv2d_algorithm id) {
    if (id == FC_CONV_AUTO)
        return "auto";
    return id > FC_CONV_AUTO && id < FC_CONV_ALGORITHM_COUNT ? algorithms[id]->name : NULL;
}

const char *fc_conv2d_algorithm_needs(fc_conv2d_algorithm id) {
    return id > FC_CONV_AUTO && id < FC_CONV_ALGORITHM_COUNT ? algorithms[id]->needs : "nothing";
}

static fc_status make_layer(const fc_conv2d_params *p, const fc_kernels *kernels, fc_layer *layer) {
    ptrdiff_t out_h, out_w;
    FC_TRY(fc_conv2d_check(p, &out_h, &out_w));
    if (p->algorithm < FC_CONV_AUTO || p->algorithm >= FC_CONV_ALGORITHM_COUNT)
        return FC_BAD_ARGUMENT;
    *layer = (fc_layer){.params = *p, .kernels = kernels};
    return fc_forward_view(p, &layer->view);
}

static int serves(const fc_layer *layer, fc_conv2d_algorithm id) {
    return algorithms[id]->integers == fc_is_integer(layer->params.dtype) && algorithms[id]->serves(layer);
}

int fc_layer_is_empty(const fc_layer *layer) { return !fc_view_pixels(&layer->view) || !layer->params.c_out; }

fc_status fc_layer_make(const fc_conv2d_params *p, fc_layer *layer) {
    const fc_kernels *kernels;
    FC_TRY(fc_find_kernels(&kernels));
    return make_layer(p, kernels, layer);
}

int fc_layer_finishes(const fc_layer *layer, fc_conv2d_algorithm id) {
    return algorithms[id]->finishes && algorithms[id]->finishes(layer);
}

static int packs_late(const fc_layer *layer, fc_conv2d_algorithm id) {
    return algorithms[id]->packs_late && algorithms[id]->packs_late(layer);
}

static const fc_occasion once = {FC_FORWARD_AND_PACKING, 1};

int fc_layer_reads_across(fc_conv2d_algorithm id) { return algorithms[id]->reads_across; }

/* Cycles that a kernel which lies across adds to one run: those of turning it, or of exchanging its channels in
 * packing. */
static double turning(const fc_layer *layer, fc_conv2d_algorithm id) {
    const double turned = 2.0, exchanged = 0.25; /* a byte */
    const double bytes = (double)fc_view_k(&layer->view) * (double)layer->params.c_out *
        (double)fc_dtype_size(layer->params.dtype);
    return (fc_layer_reads_across(id) ? exchanged : turned) * bytes;
}

static fc_status estimate_packed(const fc_layer *layer, fc_conv2d_algorithm id, fc_occasion occasion, double *cycles) {
    const double late = 0.5, in_cache = 1.2,
                 in_memory = 2.4; /* cycles a packed byte; other cores fetch what is not packed late */
    const int packs = occasion.computed != FC_FORWARD;
    size_t bytes = 0;
    if (packs && algorithms[id]->packing) {
        *cycles = occasion.runs * algorithms[id]->cost(layer) + algorithms[id]->packing(layer);
        return FC_OK;
    }
    if (packs)
        FC_TRY(algorithms[id]->packed_bytes(layer, &bytes));
    *cycles = occasion.runs * algorithms[id]->cost(layer) +
        (packs_late(layer, id)                ? late
                : bytes > fc_caches()->l3 / 2 ? in_memory
                                              : in_cache) *
            (double)bytes;
    return FC_OK;
}

static fc_status estimate(const fc_layer *layer, fc_conv2d_algorithm id, fc_occasion occasion, double *cycles) {
    FC_TRY(estimate_packed(layer, id, occasion, cycles));
    *cycles += occasion.computed == FC_FORWARD_AND_TURNING ? turning(layer, id) : 0;
    return FC_OK;
}

static fc_conv2d_algorithm cheapest(const fc_layer *layer, fc_occasion occasion) {
    fc_conv2d_algorithm best = FC_CONV_AUTO;
    double least = 0;
    for (fc_conv2d_algorithm id = FC_CONV_AUTO + 1; id < FC_CONV_ALGORITHM_COUNT; id++) {
        double cost;
        if (!serves(layer, id) || estimate(layer, id, occasion, &cost))
            continue; /* too large for this one is not too large for all */
        if (best == FC_CONV_AUTO || cost < least) {
            best = id;
            least = cost;
        }
    }
    return best;
}

/*
 * A layer of the same kind with a few outputs and no size of 0: an image too narrow for some algorithm says nothing of
 * others. Algorithms ask of a dilation only whether it is 1.
 */
static fc_status make_stand_in(const fc_layer *layer, fc_layer *stand_in) {
    enum { MORE = 3, DILATED = 2 };
    fc_conv2d_params p = layer->params;
    p.n = 1;
    p.c_in = fc_max(p.c_in, p.groups);
    p.c_out = fc_max(p.c_out, p.groups);
    p.pad_top = p.pad_bottom = p.pad_left = p.pad_right = 0;
    p.dilation_h = fc_min(p.dilation_h, DILATED);
    p.dilation_w = fc_min(p.dilation_w, DILATED);
    FC_TRY(fc_window_span(p.k_h, p.dilation_h, &p.h));
    FC_TRY(fc_window_span(p.k_w, p.dilation_w, &p.w));
    p.h = fc_min(p.h, PTRDIFF_MAX - MORE) + MORE;
    p.w = fc_min(p.w, PTRDIFF_MAX - MORE) + MORE;
    return make_layer(&p, layer->kernels, stand_in);
}

/* No outputs, or the bias alone in them: the result is the same whatever is asked for, and the algorithms need not
 * expect such sizes. */
static fc_status choose_trivial(const fc_layer *layer, fc_conv2d_algorithm *chosen) {
    const fc_conv2d_algorithm wanted = layer->params.algorithm;
    fc_layer stand_in;
    *chosen = fc_is_integer(layer->params.dtype) ? FC_CONV_INTEGER : FC_CONV_PACKED;
    if (wanted == FC_CONV_AUTO)
        return FC_OK;
    FC_TRY(make_stand_in(layer, &stand_in));
    return serves(&stand_in, wanted) ? FC_OK : FC_BAD_ARGUMENT;
}

/* The algorithm asked for, or the cheapest that serves. */
static fc_status choose(const fc_layer *layer, fc_occasion occasion, fc_conv2d_algorithm *chosen) {
    const fc_conv2d_algorithm wanted = layer->params.algorithm;
    if (fc_layer_is_empty(layer) || !layer->params.c_in || !layer->params.h || !layer->params.w)
        return choose_trivial(layer, chosen);
    *chosen = wanted;
    if (wanted != FC_CONV_AUTO)
        return serves(layer, wanted) ? FC_OK : FC_BAD_ARGUMENT;
    *chosen = (fc_conv2d_algorithm)fc_chosen_before(layer, occasion);
    if (*chosen != FC_CONV_AUTO)
        return FC_OK;
    *chosen = cheapest(layer, occasion);
    fc_remember_choice(layer, occasion, *chosen);
    return *chosen == FC_CONV_AUTO ? FC_TOO_LARGE : FC_OK;
}

fc_status fc_layer_choose(const fc_layer *layer, fc_conv2d_algorithm *chosen) { return choose(layer, once, chosen); }

fc_status fc_layer_choose_turned(const fc_layer *layer, fc_conv2d_algorithm *chosen) {
    return choose(layer, (fc_occasion){FC_FORWARD_AND_TURNING, 1}, chosen);
}

fc_status fc_layer_choose_by_image(const fc_layer *layer, fc_conv2d_algorithm *chosen) {
    fc_layer one = *layer;
    if (fc_layer_is_empty(layer))
        return choose(layer, once, chosen);
    one.params.n = one.view.n = 1;
    return choose(&one, (fc_occasion){FC_FORWARD_AND_PACKING, (double)layer->view.n}, chosen);
}

fc_status fc_layer_pack(
    const fc_layer *layer, fc_conv2d_algorithm id, const void *kernel, const void *bias, void **packed) {
    size_t bytes;
    FC_TRY(algorithms[id]->packed_bytes(layer, &bytes));
    *packed = fc_scratch_alloc(bytes);
    if (!*packed)
        return FC_OUT_OF_MEMORY;
    algorithms[id]->pack(layer, kernel, bias, *packed);
    if (!fc_interrupted())
        return FC_OK;
    fc_scratch_free(*packed); /* half packed: it might be kept */
    *packed = NULL;
    return FC_OUT_OF_MEMORY; /* means nothing: fc_leave tells that the call was ended */
}

fc_status fc_layer_run(
    const fc_layer *layer, fc_conv2d_algorithm id, const fc_layer_weights *weights, const void *x, void *y) {
    const fc_epilogue epilogue = {
        weights->bias != NULL, layer->params.activation, layer->params.alpha, layer->scale, layer->added};
    return algorithms[id]->run(layer, weights, x, y, &epilogue);
}

fc_status fc_layer_run_once(
    const fc_layer *layer, fc_conv2d_algorithm id, const void *kernel, const void *bias, const void *x, void *y) {
    void *packed = NULL;
    if (fc_layer_is_empty(layer))
        return FC_OK;
    if (!packs_late(layer, id))
        FC_TRY(fc_layer_pack(layer, id, kernel, bias, &packed));
    const fc_status status = fc_layer_run(layer, id, &(fc_layer_weights){kernel, bias, packed}, x, y);
    fc_scratch_free(packed);
    return status;
}

fc_status fc_conv2d(const fc_conv2d_params *p, const void *x, const void *kernel, const void *bias, void *y) {
    fc_layer layer;
    fc_conv2d_algorithm id;
    FC_TRY(fc_layer_make(p, &layer));
    FC_TRY(fc_layer_choose(&layer, &id));
    return fc_layer_run_once(&layer, id, kernel, bias, x, y);
}

/* One form of the kernel. A list of them only grows, by as many as an algorithm has forms: a few. */
typedef struct packed_kernel {
    struct packed_kernel *next;
    fc_packed_form form;
    void *data;
} packed_kernel;

/* Which algorithm is best depends on the image, so each is packed when it is first chosen, from a copy of the kernel.
 */
struct fc_conv2d_prepared {
    fc_conv2d_params params;
    const fc_kernels *kernels;
    void *kernel, *bias;
    _Atomic(packed_kernel *) packed[FC_CONV_ALGORITHM_COUNT];
};

static fc_status copy_of(const void *from, const ptrdiff_t *sizes, size_t count, void **copy) {
    size_t bytes;
    FC_TRY(fc_multiply(sizes, count, &bytes));
    *copy = fc_scratch_alloc(bytes);
    if (!*copy)
        return FC_OUT_OF_MEMORY;
    memcpy(*copy, from, bytes);
    return FC_OK;
}

fc_status fc_conv2d_prepare(const fc_conv2d_params *p, const void *kernel, const void *bias, fc_conv2d_prepared **out) {
    fc_layer layer;
    FC_TRY(fc_layer_make(p, &layer));
    fc_conv2d_prepared *made = calloc(1, sizeof *made);
    if (!made)
        return FC_OUT_OF_MEMORY;
    *made = (fc_conv2d_prepared){.params = *p, .kernels = layer.kernels};
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(p->dtype);
    fc_status status = copy_of(
        kernel, (ptrdiff_t[]){p->k_h, p->k_w, p->c_in / p->groups, p->c_out, size}, 5, &made->kernel);
    if (!status && bias)
        status = copy_of(
            bias, (ptrdiff_t[]){p->c_out, (ptrdiff_t)fc_dtype_size(fc_output_dtype(p->dtype))}, 2, &made->bias);
    if (status)
        fc_conv2d_free(made);
    else
        *out = made;
    return status;
}

fc_status fc_conv2d_prepared_weights(const fc_conv2d_prepared *prepared, const void **kernel, const void **bias) {
    if (!prepared)
        return FC_BAD_ARGUMENT;
    *kernel = prepared->kernel;
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
    fc_scratch_free(prepared->kernel);
    fc_scratch_free(prepared->bias);
    free(prepared);
}

static int same_kernel(const fc_conv2d_params *a, const fc_conv2d_params *b) {
    return a->dtype == b->dtype && (!fc_is_integer(a->dtype) || a->kernel_dtype == b->kernel_dtype) &&
        a->layout == b->layout && a->c_in == b->c_in && a->c_out == b->c_out && a->k_h == b->k_h && a->k_w == b->k_w &&
        a->groups == b->groups && a->stride_h == b->stride_h && a->stride_w == b->stride_w &&
        a->dilation_h == b->dilation_h && a->dilation_w == b->dilation_w;
}

static const packed_kernel *find_form(const packed_kernel *packed, const fc_packed_form *form) {
    while (packed && memcmp(&packed->form, form, sizeof *form))
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
    const fc_conv2d_prepared *prepared, const fc_layer *layer, fc_conv2d_algorithm id, const void **packed) {
    _Atomic(packed_kernel *) *kept = &((fc_conv2d_prepared *)prepared)->packed[id];
    const fc_packed_form form = algorithms[id]->form ? algorithms[id]->form(layer) : (fc_packed_form){{0}};
    const packed_kernel *found = find_form(atomic_load(kept), &form);
    if (!found) {
        packed_kernel *made = calloc(1, sizeof *made);
        if (!made)
            return FC_OUT_OF_MEMORY;
        made->form = form;
        const fc_status status = fc_layer_pack(layer, id, prepared->kernel, prepared->bias, &made->data);
        if (status) {
            free_packed(made);
            return status;
        }
        found = keep(kept, made);
    }
    *packed = found->data;
    return FC_OK;
}

/* The tensor is added in registers, or else to the linear result. */
static fc_status run_adding(fc_layer *layer, fc_conv2d_algorithm id, const fc_layer_weights *weights, const void *x,
    const void *added, void *y) {
    if (!added || fc_layer_finishes(layer, id)) {
        layer->added = added;
        return fc_layer_run(layer, id, weights, x, y);
    }
    fc_layer linear = *layer;
    linear.params.activation = FC_LINEAR;
    FC_TRY(fc_layer_run(&linear, id, weights, x, y));
    fc_layer_add(layer, added, y);
    return FC_OK;
}

fc_status fc_conv2d_run(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const void *x, void *y) {
    return fc_conv2d_run_added(prepared, p, x, NULL, y);
}

fc_status fc_conv2d_run_added(
    const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const void *x, const void *added, void *y) {
    fc_layer layer;
    fc_conv2d_algorithm id;
    const void *packed;
    if (added && p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    if (!prepared)
        return FC_BAD_ARGUMENT;
    FC_TRY(make_layer(p, prepared->kernels, &layer));
    layer.params.precision = prepared->params.precision;
    if (!same_kernel(p, &prepared->params))
        return FC_BAD_SHAPE;
    FC_TRY(choose(&layer, (fc_occasion){FC_FORWARD, 1}, &id));
    if (fc_layer_is_empty(&layer))
        return FC_OK;
    FC_TRY(packed_for(prepared, &layer, id, &packed));
    return run_adding(&layer, id, &(fc_layer_weights){prepared->kernel, prepared->bias, packed}, x, added, y);
}

fc_status fc_conv2d_serves(const fc_conv2d_params *p) {
    fc_layer layer;
    fc_conv2d_algorithm id;
    FC_TRY(fc_layer_make(p, &layer));
    return fc_layer_choose(&layer, &id);
}

fc_status fc_plan_conv2d(const fc_conv2d_params *p, fc_conv2d_plan *plan) {
    fc_layer layer;
    size_t packed;
    *plan = (fc_conv2d_plan){0};
    FC_TRY(fc_layer_make(p, &layer));
    plan->isa = fc_active_isa();
    FC_TRY(fc_layer_choose(&layer, &plan->algorithm));
    plan->out_h = layer.view.dst.h;
    plan->out_w = layer.view.dst.w;
    const double size = (double)fc_dtype_size(p->dtype),
                 outputs = (double)fc_view_pixels(&layer.view) * (double)p->c_out;
    const double k = (double)fc_view_k(&layer.view);
    plan->flops = 2 * outputs * k;
    plan->bytes = size * ((double)p->n * (double)p->h * (double)p->w * (double)p->c_in + k * (double)p->c_out) +
        (double)fc_dtype_size(fc_output_dtype(p->dtype)) * outputs;
    if (fc_layer_is_empty(&layer))
        return FC_OK;
    FC_TRY(estimate(&layer, plan->algorithm, once, &plan->cycles));
    FC_TRY(algorithms[plan->algorithm]->packed_bytes(&layer, &packed));
    algorithms[plan->algorithm]->describe(&layer, plan);
    plan->scratch_bytes += packs_late(&layer, plan->algorithm) ? 0 : packed;
    return FC_OK;
}
