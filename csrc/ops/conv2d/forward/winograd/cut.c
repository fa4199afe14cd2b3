/* SPDX-License-Identifier: MIT */
/* How a run of Winograd's algorithm is cut into tasks. */
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/forward/winograd/winograd.h"
#include "ops/conv2d/forward/winograd/patch.h"

/* Tiles a step: the micro-kernel's height, or a few of low ones. */
static size_t step_of(const fc_winograd_plan *plan) {
    enum { LEAST = 14 };
    const size_t height = plan->tiles->height;
    return height < LEAST ? LEAST / height * height : height;
}

static void cut_chunks(const fc_winograd_plan *plan, size_t width, fc_winograd_cut *cut) {
    cut->chunk = width < plan->width ? 1 : fc_least(width / plan->width, plan->panels);
    cut->chunks = fc_parts(plan->panels, cut->chunk);
    cut->m_pitch = cut->chunk * plan->width;
}

/* Blocks of at most so many tiles, each `chunks` tasks. Where threads have less than `few` tasks each, blocks become
 * smaller, down to so many tiles, so that all threads have as many. */
typedef struct block_bounds {
    size_t most, fewest, chunks, few;
} block_bounds;

static void cut_blocks(const fc_winograd_plan *plan, block_bounds b, size_t threads, fc_winograd_cut *cut) {
    const size_t tasks = fc_parts(cut->tiles, b.most) * b.chunks;
    cut->block = fc_least(b.most, cut->tiles);
    if (tasks < b.few * threads && tasks % threads) {
        const size_t even = fc_parts(cut->tiles, fc_parts(fc_parts(tasks, threads) * threads, b.chunks));
        cut->block = even < b.fewest ? fc_least(b.fewest, cut->block) : even;
    }
    cut->blocks = fc_parts(cut->tiles, cut->block);
    cut->v_pitch = fc_odd_lines(plan->c, plan->size);
    cut->v_element = fc_odd_lines(cut->v_pitch * cut->block, plan->size);
    cut->v_bytes = plan->elements * cut->v_element * plan->size;
    cut->m_element = fc_odd_lines(cut->m_pitch * cut->block, plan->size);
    cut->m_bytes = plan->elements * cut->m_element * plan->size;
}

/* Each thread its own blocks, with patches and products in half of L2 at most. */
static void cut_own(const fc_winograd_plan *plan, size_t threads, fc_winograd_cut *cut) {
    enum { CHUNK_WIDTH = 64, MOST = 4, FEW = 4 };
    cut_chunks(plan, CHUNK_WIDTH, cut);
    const size_t tile_bytes = plan->elements * (fc_odd_lines(plan->c, plan->size) + cut->m_pitch) * plan->size;
    const size_t fit = fc_caches()->l2 / 2 / tile_bytes / step_of(plan);
    const size_t step = step_of(plan), steps = fit < 1 ? 1 : fc_least(fit, MOST);
    cut_blocks(plan, (block_bounds){steps * step, step, 1, FEW}, threads, cut);
    cut->piece = plan->c;
    cut->u_rows = plan->rows;
}

/* Bytes of `channels` channels of the transformed kernel, an odd number so that a channel's elements do not share the
 * sets of L1. */
static size_t kernel_bytes(const fc_winograd_plan *plan, size_t channels, size_t panels) {
    return plan->elements * (channels | 1) * panels * plan->width * plan->size;
}

/*
 * Tiles a block in steps: products in half of L2 and patches in a quarter of L3, enough for few passes over the kernel,
 * and even tasks. Late, every block transforms the kernel anew: no more tasks than keep the threads busy.
 */
static size_t shared_steps(const fc_winograd_plan *plan, int on_demand, size_t threads, const fc_winograd_cut *cut) {
    enum { FEWEST_TILES = 64, FEW_TASKS = 8 };
    const size_t tasks = on_demand ? (threads > FEW_TASKS ? threads : FEW_TASKS) : fc_task_count(cut->work);
    const size_t step = step_of(plan), steps = fc_parts(cut->tiles, step),
                 step_bytes = plan->elements * step * plan->size;
    const size_t products = on_demand ? fc_caches()->l2 / 3 * 2 : fc_caches()->l2 / 2, patches = fc_caches()->l3 / 4;
    const size_t fit = fc_least(
        products / (step_bytes * cut->m_pitch), patches / (step_bytes * fc_odd_lines(plan->c, plan->size)));
    const size_t least = fc_parts(FEWEST_TILES, step), even = fc_parts(steps * cut->chunks, tasks);
    const size_t most = fc_least(even < least ? least : even, fit ? fit : 1);
    return fc_parts(steps, fc_parts(steps, most));
}

/*
 * Patches shared: a task takes few output channels and as many tiles as it can keep the products of in L2, so that the
 * kernel is read rarely. Late, it has a piece of the transformed kernel beside them: transforming that takes the time
 * of a few tiles.
 */
static void cut_shared(const fc_winograd_plan *plan, int on_demand, size_t threads, fc_winograd_cut *cut) {
    enum { CHUNK_WIDTH = 32, FEW = 4, FEWEST_TILES = 4, FEWEST_ON_DEMAND = 16 };
    const fc_cache_sizes *caches = fc_caches();
    cut_chunks(plan, CHUNK_WIDTH, cut);
    const block_bounds bounds = {step_of(plan) * shared_steps(plan, on_demand, threads, cut),
        on_demand ? FEWEST_ON_DEMAND : FEWEST_TILES, cut->chunks, on_demand ? 1 : FEW};
    cut_blocks(plan, bounds, threads, cut);
    const size_t held = fc_least(cut->blocks, caches->l3 / 4 / cut->v_bytes);
    cut->shared = fc_parts(cut->blocks, fc_parts(cut->blocks, held ? held : 1));
    cut->piece = plan->c;
    cut->u_rows = plan->rows;
    if (!on_demand)
        return;
    const size_t steps = caches->l2 / 3 / kernel_bytes(plan, plan->step, cut->chunk);
    cut->piece = fc_least((steps ? steps : 1) * plan->step, plan->c);
    cut->u_rows = cut->piece | 1;
    cut->u_bytes = kernel_bytes(plan, cut->piece, cut->chunk);
}

/* Blocks of their own for the threads read fewer scattered lines than shared patches, if every thread has about as
 * many. */
static int are_too_few(size_t blocks, size_t threads, double work) {
    enum { FEWEST = 8 };
    const size_t tasks = fc_task_count(work), taken = fc_parts(blocks, threads) * threads;
    return blocks < tasks && !fc_inside_task() && (blocks < FEWEST || taken > blocks + blocks / 8);
}

fc_winograd_cut fc_winograd_cut_of(
    const fc_winograd_plan *plan, const fc_conv_view *view, int on_demand, size_t threads) {
    const size_t side = plan->set->m, size = plan->size;
    fc_winograd_cut cut = {
        .tile_rows = ((size_t)view->dst.h + side - 1) / side, .tile_cols = ((size_t)view->dst.w + side - 1) / side};
    cut.tiles = (size_t)view->n * cut.tile_rows * cut.tile_cols;
    cut.work = 2.0 * (double)(plan->elements * cut.tiles) * (double)plan->c * (double)plan->outs;
    threads = fc_least(threads, fc_parallel_workers(SIZE_MAX, cut.work));
    cut_own(plan, threads, &cut);
    if (on_demand || are_too_few(cut.blocks, threads, cut.work) ||
        plan->elements * plan->rows * plan->padded * size > fc_caches()->l3 / 2)
        cut_shared(plan, on_demand, threads, &cut);
    const size_t in = fc_winograd_stage_elements(plan->n, side), out = side * side * FC_WINOGRAD_PIECE * cut.m_pitch;
    cut.stage_bytes = view->src.c_pitch == 1 && view->dst.c_pitch == 1 ? 0 : fc_align_up((in > out ? in : out) * size);
    cut.rows_bytes = fc_align_up((cut.block + FC_MAX_TILE_HEIGHT) * sizeof(void *));
    cut.worker_bytes = cut.u_bytes + cut.m_bytes + cut.stage_bytes + cut.rows_bytes + (cut.shared ? 0 : cut.v_bytes);
    cut.tasks = cut.shared ? cut.shared * cut.chunks : cut.blocks;
    cut.flag_bytes = fc_align_up((size_t)view->n * cut.tile_rows);
    cut.zero_bytes = fc_align_up(plan->c * size);
    cut.bias_bytes = on_demand ? fc_align_up((size_t)view->groups * plan->padded * size) : 0;
    cut.shared_bytes = cut.flag_bytes + cut.zero_bytes + cut.bias_bytes + cut.shared * cut.v_bytes;
    return cut;
}
