/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/forward/winograd/winograd.h"

#include "core/cpu.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/gemm/igemm.h"
#include "ops/conv2d/gemm/tile.h"

static const fc_winograd *sets_of(const fc_layer *layer) {
    return layer->params.dtype == FC_F64 ? layer->kernels->winograd_f64 : layer->kernels->winograd_f32;
}

static size_t lanes_of(const fc_igemm_tile *tile) { return tile->width / tile->vectors; }

/* Panels of the micro-kernel's widest tile, the last one as narrow as the rest of the channels allows. */
static void choose_panels(const fc_layer *layer, fc_winograd_plan *plan) {
    const size_t lanes = lanes_of(plan->tiles);
    plan->width = plan->tiles->width;
    plan->vectors = plan->tiles->vectors;
    plan->panels = (plan->outs + plan->width - 1) / plan->width;
    const size_t rest = plan->outs - (plan->panels - 1) * plan->width;
    plan->tail_vectors = fc_igemm_narrowest(layer->kernels, layer->params.dtype, plan->vectors, rest);
    plan->tail_width = plan->tail_vectors * lanes;
    plan->padded = (plan->panels - 1) * plan->width + plan->tail_width;
}

fc_status fc_winograd_plan_of(const fc_layer *layer, int set, fc_winograd_plan *plan) {
    const fc_conv_view *view = &layer->view;
    size_t u_bytes, bias_bytes;
    *plan = (fc_winograd_plan){
        .set = &sets_of(layer)[set],
        .tiles = fc_igemm_tiles(layer->kernels, layer->params.dtype),
        .size = fc_dtype_size(layer->params.dtype),
        .c = (size_t)view->src.c,
        .outs = (size_t)view->dst.c,
        .direct = fc_packed_choose(layer->kernels, view),
    };
    plan->n = plan->set->m + plan->set->r - 1;
    plan->elements = plan->n * plan->n;
    plan->rows = plan->c | 1;
    plan->step = 64;
    plan->chain = layer->params.precision != FC_HIGHEST ? plan->step : plan->set->r > 3 ? 16 : 32;
    choose_panels(layer, plan);
    FC_TRY(fc_multiply((ptrdiff_t[]){view->groups, (ptrdiff_t)plan->elements, (ptrdiff_t)plan->rows,
                           (ptrdiff_t)plan->padded, (ptrdiff_t)plan->size},
        5, &u_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){view->groups, (ptrdiff_t)plan->padded, (ptrdiff_t)plan->size}, 3, &bias_bytes));
    plan->bias_offset = u_bytes;
    plan->packed_bytes = u_bytes + fc_align_up(bias_bytes);
    return plan->packed_bytes > PTRDIFF_MAX ? FC_TOO_LARGE : FC_OK;
}

/*
 * Whether the promise of 'highest' is kept (python_tests/accuracy.py measures it), which F(2, 3) always does. What the
 * transforms of the others lose is magnified: it averages out over enough channels, and where a patch has more than a
 * few rows and columns of x, and a tile more than one of y; with the channels grows the error of the sums.
 */
static int keeps_precision(const fc_layer *layer, const fc_winograd_plan *plan) {
    enum {
        LEAST_CHANNELS = 16,
        MOST_CHANNELS = 1536,
        MOST_CHANNELS_5X5 = 768,
        LEAST_MAP = 4,
        LEAST_OUT = 2,
        SMALLEST = 4
    };
    const fc_conv_view *v = &layer->view;
    if (layer->params.precision != FC_HIGHEST || plan->n == SMALLEST)
        return 1;
    if (plan->c < LEAST_CHANNELS || fc_min(v->src.h, v->src.w) < LEAST_MAP || fc_min(v->dst.h, v->dst.w) < LEAST_OUT)
        return 0;
    return layer->params.dtype == FC_F64 || plan->c <= (plan->set->r > 3 ? MOST_CHANNELS_5X5 : MOST_CHANNELS);
}

static int supports(const fc_layer *layer, const fc_winograd *set, fc_precision loosest) {
    const fc_conv2d_params *p = &layer->params;
    const ptrdiff_t r = (ptrdiff_t)set->r;
    return p->precision >= loosest && p->k_h == r && p->k_w == r && p->stride_h == 1 && p->stride_w == 1 &&
        p->dilation_h == 1 && p->dilation_w == 1 && p->c_in;
}

/*
 * The transformed kernel is a few times as large as the kernel. Small, or read by many blocks, it had better be packed;
 * else it is transformed where it is multiplied.
 */
static int packs_on_demand(const fc_winograd_plan *plan, size_t tiles) {
    enum { MOST_TILES = 144 };
    const size_t u_bytes = fc_winograd_group_bytes(plan);
    return u_bytes > fc_caches()->l3 / 2 || (u_bytes > fc_caches()->l2 && tiles <= MOST_TILES);
}

/* What a vector's way to memory counts beside the arithmetic, which grows with n and m; the largest n. */
enum { MOVED_AS = 2, LARGE = 8 };

/*
 * The products, on whole register tiles and no faster than the packed kernel can be read; the transforms, bound by what
 * they load and store; and moving channels next to each other and back. Late, also fetching and transforming the
 * kernel, for each block, and reading the patches anew for each chunk of output channels. Cut for one thread: what is
 * chosen, and so the bits, are the same for any number.
 */
static double cycles_of(const fc_layer *layer, const fc_winograd_plan *plan, int on_demand) {
    const fc_winograd_cut cut = fc_winograd_cut_of(plan, &layer->view, on_demand, 1);
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_conv_view *v = &layer->view;
    const double tiles = (double)cut.tiles, elements = (double)plan->elements, c = (double)plan->c,
                 outs = (double)plan->outs;
    const double lanes = (double)lanes_of(plan->tiles), vectors = (double)plan->padded / lanes, n = (double)plan->n,
                 m = (double)plan->set->m;
    const double u_bytes = (double)fc_winograd_group_bytes(plan), r = (double)plan->set->r, size = (double)plan->size;
    const double rate = u_bytes > (double)fc_caches()->l2 ? costs->winograd_bytes : costs->winograd_near_bytes;
    const double reads = on_demand ? 0 : (double)cut.blocks * u_bytes / rate;
    double gemm = costs->winograd_product * elements * tiles * c * vectors;
    gemm = gemm > reads ? gemm : reads;
    const double load = costs->winograd_load * (n + MOVED_AS) * (plan->n == LARGE ? costs->winograd_large : 1);
    const double in = elements * (costs->winograd_address + load * __builtin_ceil(c / lanes)) +
        (v->src.c_pitch == 1 ? 0 : costs->winograd_moved * n * m * c);
    const double out = elements * costs->winograd_store * (m + MOVED_AS) * vectors +
        (v->dst.c_pitch == 1 ? 0 : costs->winograd_moved * m * m * outs);
    const double own = gemm + tiles * (in + out) + costs->winograd_setup;
    if (!on_demand)
        return (double)v->groups * own;
    const double kernel = (double)cut.blocks * c * vectors *
        (elements * (costs->winograd_kernel + costs->winograd_kernel_tap * r) +
            costs->winograd_fetch * r * r * lanes * size);
    return (double)v->groups *
        (own + kernel + costs->winograd_again * tiles * elements * c * size * (double)cut.chunks);
}

typedef struct winograd_plan {
    fc_winograd_plan shape;
    fc_winograd_cut cut;
} winograd_plan;

static fc_status plan_set(
    const fc_layer *layer, fc_purpose purpose, int set, fc_precision loosest, fc_layer_plan *plan) {
    winograd_plan own;
    if ((layer->params.dtype != FC_F32 && layer->params.dtype != FC_F64) ||
        !supports(layer, &sets_of(layer)[set], loosest))
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_winograd_plan_of(layer, set, &own.shape));
    if (!keeps_precision(layer, &own.shape))
        return FC_BAD_ARGUMENT;
    own.cut = fc_winograd_cut_of(&own.shape, &layer->view, 0, SIZE_MAX);
    plan->cycles = cycles_of(layer, &own.shape, 0);
    plan->packed_bytes = own.shape.packed_bytes;
    plan->packing_cycles = fc_costs_of(layer->kernels)->winograd_pack * (double)plan->packed_bytes;
    plan->packs_on_demand = purpose != FC_RUN_PREPARED && packs_on_demand(&own.shape, own.cut.tiles);
    if (plan->packs_on_demand) {
        own.cut = fc_winograd_cut_of(&own.shape, &layer->view, 1, SIZE_MAX);
        plan->packing_cycles = cycles_of(layer, &own.shape, 1) - plan->cycles;
    }
    plan->form = (fc_packed_form){
        {own.shape.elements, own.shape.rows, own.shape.width, own.shape.tail_width, own.shape.panels}};
    plan->tile_rows = own.shape.tiles->height;
    plan->tile_cols = own.shape.width;
    plan->pixels_in_rows = 1;
    plan->block_pixels = own.cut.block * own.shape.set->m * own.shape.set->m;
    plan->block_k = own.shape.c;
    plan->tasks = own.cut.tasks;
    plan->loops = (size_t)layer->view.groups;
    plan->work = own.cut.work;
    plan->shared_bytes = own.cut.shared_bytes;
    plan->worker_bytes = own.cut.worker_bytes;
    FC_SET_OWN(plan, own);
    return FC_OK;
}

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    winograd_plan own;
    FC_GET_OWN(plan, own);
    fc_winograd_pack(&own.shape, &plan->layer.view, kernel, bias, packed);
}

static fc_status run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    winograd_plan own;
    FC_GET_OWN(plan, own);
    return fc_winograd_run(&own.shape, &own.cut, &plan->layer.view, weights, x, y, epilogue);
}

#define WINOGRAD(M, R, SET, LOOSEST, NEEDS)                                                           \
    static fc_status plan_##M##x##R(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) { \
        return plan_set(layer, purpose, SET, LOOSEST, plan);                                          \
    }                                                                                                 \
    const fc_algorithm fc_algorithm_winograd_##M##x##R = {                                            \
        .name = "winograd_" #M "x" #R,                                                                \
        .requires = NEEDS,                                                                            \
        .reads_across = 1,                                                                            \
        .plan = plan_##M##x##R,                                                                       \
        .pack = pack,                                                                                 \
        .run = run,                                                                                   \
    };
#define WINOGRAD_PRECISE(CHANNELS)                                                                       \
    "; at precision 'highest' also maps of 4 x 4, an output of 2 x 2 and 16 channels a group at least, " \
    "in float32 " CHANNELS " at most"
#define WINOGRAD_NEEDS(R) "a " #R " x " #R " kernel with strides and dilation 1, in float32 or float64"
WINOGRAD(2, 3, FC_WINOGRAD_2X3, FC_HIGHEST, WINOGRAD_NEEDS(3))
WINOGRAD(4, 3, FC_WINOGRAD_4X3, FC_HIGHEST, WINOGRAD_NEEDS(3) WINOGRAD_PRECISE("1536"))
WINOGRAD(6, 3, FC_WINOGRAD_6X3, FC_HIGH, WINOGRAD_NEEDS(3) ", at precision 'high' or lower")
WINOGRAD(2, 5, FC_WINOGRAD_2X5, FC_HIGHEST, WINOGRAD_NEEDS(5) WINOGRAD_PRECISE("768"))
WINOGRAD(4, 5, FC_WINOGRAD_4X5, FC_HIGH, WINOGRAD_NEEDS(5) ", at precision 'high' or lower")
