/* SPDX-License-Identifier: MIT */
/* The steps of a network, over whole arrays or depth first, a chunk of images after the other. */
#include <string.h>

#include "core/caller.h"
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "fastconv.h"

static void *operand(const fc_step *step, size_t i, void *const *arrays) {
    const fc_operand *o = &step->operands[i];
    return o->array < 0 ? (void *)o->at : (char *)arrays[o->array] + o->offset;
}

static size_t elements(const fc_step *step) { return step->outer * step->axis * step->inner; }

static fc_status run_step(const fc_step *step, void *const *arrays) {
    const void *x = operand(step, 0, arrays);
    void *y = operand(step, step->count - 1, arrays);
    switch (step->kind) {
    case FC_STEP_CONV2D:
        return fc_conv2d_run_added(
            step->prepared, &step->conv2d, x, step->count > 2 ? operand(step, 1, arrays) : NULL, y);
    case FC_STEP_CONV2D_POOLED:
        return fc_conv2d_run_pooled(step->prepared, &step->conv2d, &step->pool2d, x, y);
    case FC_STEP_POOL2D:
        return fc_pool2d(&step->pool2d, x, y);
    case FC_STEP_DENSE:
        return fc_dense(
            &step->dense, x, operand(step, 1, arrays), step->count > 3 ? operand(step, 2, arrays) : NULL, y);
    case FC_STEP_ACTIVATE:
        return fc_activate(step->dtype, step->activation, step->alpha, elements(step), x, y);
    case FC_STEP_RELU:
        return fc_relu(step->dtype, &step->relu, elements(step), x, y);
    case FC_STEP_SOFTMAX:
        return fc_softmax(step->dtype, step->outer, step->axis, step->inner, x, y);
    case FC_STEP_CONV2D_QUANTIZED:
        return fc_conv2d_run_quantized(step->prepared, &step->conv2d, &step->requantization, x, y);
    case FC_STEP_QUANTIZE:
        return fc_quantize(step->quantization, elements(step), x, y);
    case FC_STEP_DEQUANTIZE:
        return fc_dequantize(step->quantization, elements(step), x, y);
    case FC_STEP_ADD_QUANTIZED:
        return fc_add_quantized(
            step->quantization, step->low, step->high, elements(step), x, operand(step, 1, arrays), y);
    case FC_STEP_LOOKUP:
        return fc_lookup(step->table, elements(step), x, y);
    default:
        return FC_BAD_ARGUMENT;
    }
}

fc_status fc_run_program(const fc_program *program, void *const *arrays) {
    fc_status status = FC_OK;
    const int counted = fc_parallel_begin();
    for (size_t i = 0; i < program->count && !status && !fc_interrupted(); i++)
        status = run_step(&program->steps[i], arrays);
    fc_parallel_end(counted);
    return status;
}

typedef struct chunks_job {
    const fc_program *chunk, *rest;
    size_t chunks;
    void *const *arrays;
    char *scratch;
    size_t status_bytes, worker_bytes;
} chunks_job;

/* The status of a worker, of which the first that is not FC_OK stays. */
static fc_status *status_of(const chunks_job *job, size_t worker) { return &((fc_status *)job->scratch)[worker]; }

static void run_chunk(void *job_, size_t task, size_t worker) {
    const chunks_job *job = job_;
    const fc_program *program = task < job->chunks ? job->chunk : job->rest;
    char *own = job->scratch + job->status_bytes + worker * job->worker_bytes;
    void **arrays = (void **)own;
    arrays[0] = own + fc_align_up(program->arrays * sizeof *arrays);
    for (size_t i = 1; i < program->arrays; i++)
        arrays[i] = (char *)job->arrays[i] + task * job->chunk->bytes[i];
    const fc_status status = fc_run_program(program, arrays);
    if (status && !*status_of(job, worker))
        *status_of(job, worker) = status;
}

fc_status fc_run_chunks(const fc_program *chunk, size_t chunks, const fc_program *rest, void *const *arrays) {
    const size_t tasks = chunks + (rest != NULL);
    const size_t workers = fc_parallel_workers(tasks, chunk->work * (double)chunks + (rest ? rest->work : 0));
    const size_t arena = rest && rest->bytes[0] > chunk->bytes[0] ? rest->bytes[0] : chunk->bytes[0];
    chunks_job job = {.chunk = chunk,
        .rest = rest,
        .chunks = chunks,
        .arrays = arrays,
        .status_bytes = fc_align_up(workers * sizeof(fc_status)),
        .worker_bytes = fc_align_up(chunk->arrays * sizeof *arrays) + fc_align_up(arena)};
    job.scratch = fc_scratch_alloc(job.status_bytes + workers * job.worker_bytes);
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    memset(job.scratch, 0, job.status_bytes);
    fc_parallel_for(tasks, workers, run_chunk, &job);
    fc_status status = FC_OK;
    for (size_t worker = 0; worker < workers && !status; worker++)
        status = *status_of(&job, worker);
    fc_scratch_free(job.scratch);
    return status;
}

/* What lies between the layers stays in L2, and so do the weights, which each chunk reads. */
size_t fc_images_at_once(size_t images, size_t image_bytes, size_t weight_bytes) {
    enum { MOST = 16, FEWEST = 4 }; /* as many as fill the lanes of any vector; with fewer, each call does too little */
    const size_t l2 = fc_caches()->l2;
    size_t chunk = MOST;
    while (chunk > FEWEST && chunk * image_bytes > l2)
        chunk /= 2;
    return chunk < images && chunk * image_bytes <= l2 && weight_bytes <= l2 / 2 ? chunk : images;
}
