/* SPDX-License-Identifier: MIT */
/* How a layer is blocked for the split algorithm, and how long it takes. */
#include "core/cpu.h"
#include "core/size.h"
#include "ops/conv2d/forward/bf16x3/bf16x3.h"
#include "ops/conv2d/gemm/igemm.h"
#include "ops/conv2d/gemm/tile.h"

enum {
    MOST_TAPS = 49, /* of a patch, where a block of k has them all */
    SHORTEST_K = 128,
    LONGEST_K = 1024, /* of a block: longer sums of one plane in a register would lose accuracy */
};

static size_t planes_of(const fc_layer *layer) {
    if (layer->params.dtype == FC_BF16)
        return 1;
    return layer->params.dtype == FC_F16 || layer->params.precision == FC_HIGH ? 2
        : layer->params.precision == FC_MEDIUM                                 ? 1
                                                                               : 3;
}

/* Whether splitting each pixel once for all taps pays, and tiles of k hold whole runs of channels. */
static int reads_again(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    const ptrdiff_t taps = v->rows.count * v->cols.count;
    return layer->params.layout == FC_NHWC && v->src.c % FC_BF16X3_K == 0 &&
        taps >= 2 * v->rows.stride * v->cols.stride && taps <= MOST_TAPS;
}

fc_bf16x3_blocking fc_bf16x3_choose(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    const size_t k = fc_view_k(v), planes = planes_of(layer);
    fc_bf16x3_blocking b = {
        .kernels = layer->kernels, .view = v, .moved = *v, .planes = planes, .k = k, .block_k = k, .k_blocks = 1};
    if (fc_is_half(v->dtype))
        b.moved.dtype = FC_U16;
    b.pixels_in_rows = layer->params.layout == FC_NHWC; /* not by the pitch: planes of a pixel lie side by side too */
    b.patched = reads_again(layer);
    b.out_panels = ((size_t)v->dst.c + FC_BF16X3_PANEL - 1) / FC_BF16X3_PANEL;
    b.padded_k = (size_t)fc_round_up((ptrdiff_t)k, FC_BF16X3_K);
    size_t longest = fc_caches()->l2 / 8 / (FC_BF16X3_SLICE * FC_BF16X3_PANEL * planes * sizeof(uint16_t));
    longest = longest < SHORTEST_K ? SHORTEST_K : longest > LONGEST_K ? LONGEST_K : longest;
    if (b.patched) { /* whole tiles of channels, of about one size */
        const ptrdiff_t c = v->src.c, taps = (ptrdiff_t)k / c,
                        most = fc_max((ptrdiff_t)longest / taps / FC_BF16X3_K, 1) * FC_BF16X3_K;
        b.block_k = (size_t)(taps * fc_round_up(fc_ceil_div(c, fc_ceil_div(c, most)), FC_BF16X3_K));
        b.k_blocks = (k + b.block_k - 1) / b.block_k;
    } else if (k > longest) {
        b.block_k = (size_t)fc_round_up(
            fc_ceil_div((ptrdiff_t)k, fc_ceil_div((ptrdiff_t)k, (ptrdiff_t)longest)), FC_BF16X3_K);
        b.k_blocks = (k + b.block_k - 1) / b.block_k;
    }
    return b;
}

static double products(size_t planes) { return (double)(planes * (planes + 1)) / 2; }

int fc_bf16x3_pays(const fc_layer *layer, const fc_bf16x3_blocking *b) {
    const fc_igemm_tile *tile = fc_igemm_tiles(layer->kernels, FC_F32);
    return layer->kernels->bf16x3_gemm.rate > products(b->planes) * (double)(tile->width / tile->vectors);
}

/* Multiplications of padded tiles, every element of G once through the packer, and stores. */
double fc_bf16x3_cost(const fc_layer *layer, const fc_bf16x3_blocking *b) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_conv_view *v = &layer->view;
    const double pixels = (double)fc_round_up((ptrdiff_t)fc_view_pixels(v), FC_BF16X3_PANEL),
                 outs = (double)(b->out_panels * FC_BF16X3_PANEL);
    const double multiplications = (double)b->padded_k * outs * products(b->planes),
                 copied = costs->bf16x3_copied * (double)b->planes,
                 split = costs->bf16x3_split + costs->bf16x3_plane * (double)b->planes;
    const double each = b->patched ? copied + split * 2 * (double)v->src.c / (double)b->k : split;
    const double stores = fc_store_cycles(costs, v, b->pixels_in_rows) * (double)v->dst.c;
    return (double)v->groups * pixels *
        (costs->bf16x3_product * multiplications / layer->kernels->bf16x3_gemm.rate + (double)b->k * each + stores);
}
