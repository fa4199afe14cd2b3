/* SPDX-License-Identifier: MIT */
/* The kernel and bias of all groups, packed: [group][block of k][panel of output channels][k][width], then the bias
 * [group][panels * width]. */
#ifndef FC_OPS_CONV2D_GEMM_PACK_WEIGHTS_H
#define FC_OPS_CONV2D_GEMM_PACK_WEIGHTS_H

#include "core/scratch.h"
#include "ops/conv2d/plan.h"

typedef struct fc_weight_panels {
    size_t width, panels; /* of one group */
    size_t k, block_k;    /* block_k <= k; k where k is not cut */
} fc_weight_panels;

static inline fc_packed_form fc_weights_form(const fc_weight_panels *p) {
    return (fc_packed_form){{p->width, p->panels, p->k, p->block_k}};
}
static inline size_t fc_weights_rows(const fc_weight_panels *p, const fc_conv_view *view) {
    return (size_t)view->groups * p->panels * p->k;
}
static inline size_t fc_weights_of_group(const fc_weight_panels *p) { return p->panels * p->width * p->k; }

/* Bytes in the compute type, of all and of one panel. */
fc_status fc_weights_bytes(const fc_weight_panels *p, const fc_conv_view *view, size_t *bytes);
static inline size_t fc_panel_bytes(const fc_weight_panels *p, const fc_conv_view *view) {
    return p->k * p->width * fc_dtype_size(fc_compute_dtype(view->dtype));
}
/* weights: of group 0; bias: of all groups, or NULL. */
void fc_pack_weights(const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view,
    const void *weights, const void *bias, void *packed);
/* One panel of a kernel that is not cut along k. */
void fc_pack_weights_panel(const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view,
    const void *weights, size_t group, size_t panel, void *to);

/*
 * Packing on demand: each worker packs for itself the panels that it comes to need, as panels packed by another would
 * come from that one's cache, at ten times the cost. Its memory is a flag a panel, 0 at first, then the panels of all
 * groups.
 */
static inline size_t fc_panel_flag_bytes(const fc_weight_panels *p, const fc_conv_view *view) {
    return fc_align_up((size_t)view->groups * p->panels);
}
static inline size_t fc_on_demand_bytes(const fc_weight_panels *p, const fc_conv_view *view) {
    return fc_panel_flag_bytes(p, view) + fc_align_up((size_t)view->groups * p->panels * fc_panel_bytes(p, view));
}
/* Whether a worker's copy stays in its L2; what is larger comes from L3 to every core alike. */
int fc_packs_on_demand(const fc_weight_panels *p, const fc_conv_view *view);
/* Sees to it that panels [begin, end) of a group are packed, and gives the group's first. */
const char *fc_pack_on_demand(const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view,
    const void *weights, size_t group, size_t begin, size_t end, char *memory);

/* The bias alone, as fc_pack_weights lays it out. */
void fc_pack_biases(
    const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view, const void *bias, void *to);

#endif
