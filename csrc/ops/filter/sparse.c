/* SPDX-License-Identifier: MIT */
/* Filters by the taps other than 0, on the rectangles of direct.c; taps that cancel as differences of cells. */
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

enum { MOST_TAPS = 512 }; /* other than 0 */

static fc_sparse_fn *sparse_kernel(const fc_filter *f, int cancels) {
    switch (f->work) {
    case FC_I8:
    case FC_U8:
        return f->kernels->sparse_b8;
    case FC_I16:
    case FC_U16:
        return f->kernels->sparse_b16;
    case FC_I32:
    case FC_U32:
        return f->kernels->sparse_b32;
    case FC_I64:
    case FC_U64:
        return f->kernels->sparse_b64;
    case FC_F32:
        return cancels ? f->kernels->differences_f32 : f->kernels->sparse_f32;
    case FC_F64:
        return cancels ? f->kernels->differences_f64 : f->kernels->sparse_f64;
    default:
        return NULL;
    }
}

/* The taps other than 0 and their places, from memory for known->nonzero of both. */
static void find_few(const fc_filter *f, fc_filter_few *few) {
    static const unsigned char zeros[8];
    const size_t count = (size_t)(f->k_h * f->k_w), k_w = (size_t)f->k_w;
    const unsigned char *tap = f->kernel;
    for (size_t i = 0; i < count; i++, tap += f->number) {
        const int is_zero = f->work == FC_F32 ? *(const float *)tap == 0
            : f->work == FC_F64               ? *(const double *)tap == 0
                                              : !memcmp(tap, zeros, f->number);
        if (is_zero)
            continue;
        memcpy((unsigned char *)few->taps + few->count * f->number, tap, f->number);
        few->places[few->count++] = (fc_sparse_place){i / k_w, i % k_w * (size_t)f->channels};
    }
}

static int has_corners(const fc_filter *f, const fc_filter_few *few, size_t places) {
    const size_t last = (size_t)f->k_h - 1, end = (size_t)((f->k_w - 1) * f->channels);
    int seen = 0;
    for (size_t i = 0; i < places; i++) {
        const int first = few->places[i].row == 0, bottom = few->places[i].row == last,
                  left = few->places[i].offset == 0, right = few->places[i].offset == end;
        seen |= (first & left) | (first & right) << 1 | (bottom & left) << 2 | (bottom & right) << 3;
    }
    return seen == 15;
}

static fc_status run_sparse(const fc_filter *f, const fc_filter_taps *known) {
    fc_filter_few few = {.run = sparse_kernel(f, known->cancels)};
    const size_t most = known->cancels ? FC_FILTER_PAIRS : known->nonzero, taps_bytes = fc_align_up(most * f->number);
    unsigned char *memory = fc_scratch_alloc(taps_bytes + (known->cancels + 1) * most * sizeof(fc_sparse_place));
    if (!memory)
        return FC_OUT_OF_MEMORY;
    few.taps = memory;
    few.places = (fc_sparse_place *)(memory + taps_bytes);
    if (known->cancels)
        few.count = fc_filter_pairs(f, few.taps, few.places);
    else
        find_few(f, &few);
    few.corners = has_corners(f, &few, known->cancels ? 2 * few.count : few.count);
    const fc_status status = fc_filter_rectangles(f, few.count ? &few : NULL, NULL);
    fc_scratch_free(memory);
    return status;
}

static double sparse_cycles(const fc_filter *f, const fc_filter_taps *known) {
    if (!known->finite || known->nonzero > MOST_TAPS || !sparse_kernel(f, known->cancels))
        return -1;
    return fc_filter_sums_cycles(
        f, known->cancels ? 1.6 * (double)known->nonzero + 2 : 1.8 * (double)known->nonzero + 3);
}

const fc_filter_algorithm fc_filter_by_sparse = {"sparse", sparse_cycles, run_sparse};
