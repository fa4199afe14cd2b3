/* SPDX-License-Identifier: MIT */
/* Which algorithm filters an image, and the kernels for its types. */
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"
#include "ops/filter/fixed_taps.h"

static const fc_filter_algorithm *const algorithms[] = {
#define FC_FILTER_ALGORITHM(word) &fc_filter_by_##word,
#include "ops/filter/list.inc"
#undef FC_FILTER_ALGORITHM
};
enum {
    ALGORITHMS = sizeof algorithms / sizeof *algorithms,
    STREAMED_BYTES = 4 << 20, /* results of this size are no longer in a cache when they are read */
    MEMORY_BYTES_A_CYCLE = 6, /* what a core moves, with the others at work too */
    CACHE_BYTES_A_CYCLE = 24
};

const char *fc_filter_algorithm_name(fc_filter_algorithm_id id) {
    return id > FC_FILTER_AUTO && id < FC_FILTER_COUNT ? algorithms[id - 1]->name : NULL;
}

static fc_convolve2d_fn *direct_kernel(const fc_kernels *kernels, fc_dtype work) {
    switch (work) {
    case FC_BOOL:
        return kernels->convolve2d_bool;
    case FC_I8:
    case FC_U8:
        return kernels->convolve2d_b8;
    case FC_I16:
    case FC_U16:
        return kernels->convolve2d_b16;
    case FC_I32:
    case FC_U32:
        return kernels->convolve2d_b32;
    case FC_I64:
    case FC_U64:
        return kernels->convolve2d_b64;
    case FC_F32:
        return kernels->convolve2d_f32;
    case FC_F64:
        return kernels->convolve2d_f64;
    case FC_LONGDOUBLE:
        return kernels->convolve2d_longdouble;
    case FC_C64:
        return kernels->convolve2d_complex_f32;
    case FC_C128:
        return kernels->convolve2d_complex_f64;
    case FC_CLONGDOUBLE:
        return kernels->convolve2d_clongdouble;
    default:
        return NULL;
    }
}

static fc_status find_conversions(fc_filter *f) {
#define WIDEN(from, to, slot)                   \
    if (f->image_type == from && f->work == to) \
        f->widen = f->kernels->slot;
    WIDEN(FC_U8, FC_F32, widen_u8)
    WIDEN(FC_I8, FC_F32, widen_i8)
    WIDEN(FC_U16, FC_F32, widen_u16)
    WIDEN(FC_I16, FC_F32, widen_i16)
    WIDEN(FC_I32, FC_F64, widen_i32)
    WIDEN(FC_U8, FC_I16, widen_u8_u16)
    WIDEN(FC_U8, FC_U16, widen_u8_u16)
    WIDEN(FC_F16, FC_F32, widen_f16)
    WIDEN(FC_BF16, FC_F32, widen_bf16)
#undef WIDEN
#define NARROW(from, to, slot)              \
    if (f->work == from && f->result == to) \
        f->narrow = f->kernels->slot;
    NARROW(FC_F32, FC_U8, narrow_u8)
    NARROW(FC_F32, FC_I8, narrow_i8)
    NARROW(FC_F32, FC_U16, narrow_u16)
    NARROW(FC_F32, FC_I16, narrow_i16)
    NARROW(FC_F64, FC_I32, narrow_i32)
    NARROW(FC_I16, FC_U8, narrow_i16_u8)
    NARROW(FC_U16, FC_U8, narrow_u16_u8)
#undef NARROW
    return (f->image_type != f->work && !f->widen) || (f->work != f->result && !f->narrow) ? FC_BAD_DTYPE : FC_OK;
}

/* The kernel that reads bytes as they are, which needs a fill value that is a byte. */
static void find_reader(fc_filter *f) {
    const int is_float = f->work == FC_F32;
    if (f->image_type != FC_U8 || (!is_float && f->work != FC_I16 && f->work != FC_U16))
        return;
    float fill = 0;
    int16_t small = 0;
    if (f->boundary == FC_FILL && f->fill)
        memcpy(is_float ? (void *)&fill : &small, f->fill, is_float ? sizeof fill : sizeof small);
    fill += small;
    if (!(fill >= 0 && fill <= UINT8_MAX) || fill != (float)(unsigned char)fill)
        return;
    f->reads = is_float ? f->kernels->convolve2d_u8_f32 : f->kernels->convolve2d_u8_b16;
    f->fill_byte = (unsigned char)fill;
}

fc_status fc_filter_complete(fc_filter *f) {
    const ptrdiff_t out[] = {f->out_h, f->out_w, f->channels, (ptrdiff_t)fc_dtype_size(f->result)};
    size_t written;
    FC_TRY(fc_find_kernels(&f->kernels));
    if (!(f->run = direct_kernel(f->kernels, f->work)))
        return FC_BAD_DTYPE;
    if (f->boundary < FC_FILL || f->boundary > FC_NEAREST)
        return FC_BAD_ARGUMENT;
    if (f->h < 1 || f->w < 1 || f->channels < 1 || f->k_h < 1 || f->k_w < 1 || f->out_h < 1 || f->out_w < 1)
        return FC_BAD_SHAPE;
    f->number = fc_dtype_size(f->work);
    f->image_number = fc_dtype_size(f->image_type);
    f->out_number = fc_dtype_size(f->result);
    FC_TRY(fc_check_tensor(f->image_type, 1, f->h, f->w, f->channels));
    FC_TRY(fc_multiply(out, 4, &written));
    f->streams = written >= STREAMED_BYTES;
    f->cell = f->number;
    f->sum = f->run;
    FC_TRY(find_conversions(f));
    find_reader(f);
    return FC_OK;
}

static double numbers(const fc_filter *f) { return (double)(f->out_h * f->channels) * (double)f->out_w; }

double fc_filter_lanes(const fc_filter *f) {
    const fc_gemm_tile *tile = f->kernels->gemm_f32;
    return (double)(tile->cols / tile->vectors * sizeof(float)) / (double)f->number;
}

double fc_filter_sums_cycles(const fc_filter *f, double work) {
    const double arithmetic = numbers(f) / fc_filter_lanes(f) * work * (fc_filter_is_complex(f->work) ? 2 : 1);
    const double moved = numbers(f) * (double)(f->image_number + f->out_number) /
        (f->streams ? MEMORY_BYTES_A_CYCLE : CACHE_BYTES_A_CYCLE);
    return arithmetic > moved ? arithmetic : moved;
}

/* Taps that cancel leave nothing of equal cells where each follows its opposite, not in the order of their rows. */
static int takes_in_pairs(const fc_filter *f, const fc_filter_taps *known) {
    return known->cancels && fc_filter_by_sparse.cycles(f, known) >= 0;
}

/* Taps that cancel are not summed in any order; of a single row or column blocks of transforms are mostly border. */
static int is_left_out(const fc_filter *f, const fc_filter_taps *known, const fc_filter_algorithm *algorithm) {
    if (algorithm == &fc_filter_by_direct)
        return takes_in_pairs(f, known);
    return algorithm == &fc_filter_by_fft && fc_filter_by_line_fft.cycles(f, known) >= 0;
}

static const fc_filter_algorithm *cheapest(const fc_filter *f, const fc_filter_taps *known) {
    const fc_filter_algorithm *best = NULL;
    double least = 0;
    for (size_t i = 0; i < ALGORITHMS; i++) {
        const double cycles = algorithms[i]->cycles(f, known);
        if (cycles >= 0 && (!best || cycles < least) && !is_left_out(f, known, algorithms[i])) {
            best = algorithms[i];
            least = cycles;
        }
    }
    return best;
}

/* What a kernel is made of, with `fixed` as memory for the plan of sums of integers, which any but another algorithm
 * asks for. */
static fc_status know(
    const fc_filter *f, fc_filter_algorithm_id id, fc_filter_taps *known, fc_fixed_plan *fixed, void **memory) {
    FC_TRY(fc_filter_know(f, id, known, memory));
    if ((id == FC_FILTER_AUTO || id == FC_FILTER_FIXED_POINT || id == FC_FILTER_COUNT) &&
        fc_fixed_plan_filter(f, known->equal, fixed))
        known->fixed = fixed;
    return FC_OK;
}

/* Kernels that round every product, in the order of the taps given. */
static void unfuse(fc_filter *f) {
    switch (f->work) {
    case FC_F32:
        f->run = f->kernels->convolve2d_unfused_f32;
        break;
    case FC_F64:
        f->run = f->kernels->convolve2d_unfused_f64;
        break;
    case FC_C64:
        f->run = f->kernels->convolve2d_complex_unfused_f32;
        break;
    default:
        f->run = f->kernels->convolve2d_complex_unfused_f64;
    }
    f->sum = f->run;
    f->reads = f->reads ? f->kernels->convolve2d_unfused_u8_f32 : NULL;
}

/* The kernel where its numbers can be read one by one: a copy of one at an odd address. */
static fc_status align_kernel(fc_filter *f, void **copy) {
    size_t bytes;
    *copy = NULL;
    if ((uintptr_t)f->kernel % f->number == 0)
        return FC_OK;
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h, f->k_w, (ptrdiff_t)f->number}, 3, &bytes));
    if (!(*copy = fc_scratch_alloc(bytes)))
        return FC_OUT_OF_MEMORY;
    f->kernel = memcpy(*copy, f->kernel, bytes);
    return FC_OK;
}

static void exchange(ptrdiff_t *a, ptrdiff_t *b) {
    const ptrdiff_t kept = *a;
    *a = *b;
    *b = kept;
}

/* A column of pixels under a column of taps lies in memory as a row does. */
static void lay_down(fc_filter *f) {
    if (f->w != 1 || f->k_w != 1 || f->out_w != 1)
        return;
    exchange(&f->h, &f->w);
    exchange(&f->k_h, &f->k_w);
    exchange(&f->top, &f->left);
    exchange(&f->out_h, &f->out_w);
}

static fc_status prepare(fc_filter *f, fc_filter_algorithm_id id, void **copy) {
    FC_TRY(fc_filter_complete(f));
    lay_down(f);
    return id < FC_FILTER_AUTO || id >= FC_FILTER_COUNT ? FC_BAD_ARGUMENT : align_kernel(f, copy);
}

static fc_status run(fc_filter *f, fc_filter_algorithm_id id) {
    fc_filter_taps known;
    fc_fixed_plan fixed;
    void *memory;
    FC_TRY(know(f, id, &known, &fixed, &memory));
    if (known.cancels)
        unfuse(f);
    f->backwards &= known.cancels;
    const fc_filter_algorithm *algorithm = id ? algorithms[id - 1] : cheapest(f, &known);
    const fc_status status = id && algorithm->cycles(f, &known) < 0 ? FC_BAD_ARGUMENT : algorithm->run(f, &known);
    fc_scratch_free(memory);
    return status;
}

fc_status fc_filter_run(fc_filter *f, fc_filter_algorithm_id id) {
    void *copy;
    FC_TRY(prepare(f, id, &copy));
    const fc_status status = run(f, id);
    fc_scratch_free(copy);
    return status;
}

fc_status fc_filter_estimate(fc_filter *f, double *cycles) {
    fc_filter_taps known;
    fc_fixed_plan fixed;
    void *copy, *memory;
    FC_TRY(prepare(f, FC_FILTER_AUTO, &copy));
    fc_status status = know(f, FC_FILTER_AUTO, &known, &fixed, &memory);
    if (!status) {
        *cycles = cheapest(f, &known)->cycles(f, &known);
        fc_scratch_free(memory);
    }
    fc_scratch_free(copy);
    return status;
}

static fc_status explain(fc_filter *f, fc_filter_algorithm_id id, fc_filter_plan *plan) {
    fc_filter_taps known;
    fc_fixed_plan fixed;
    void *memory;
    FC_TRY(know(f, FC_FILTER_AUTO, &known, &fixed, &memory));
    const fc_filter_algorithm *best = cheapest(f, &known);
    plan->cycles[FC_FILTER_AUTO] = best->cycles(f, &known);
    fc_scratch_free(memory);
    FC_TRY(know(f, FC_FILTER_COUNT, &known, &fixed, &memory));
    plan->rank = known.rank;
    for (size_t i = 0; i < ALGORITHMS; i++) {
        plan->cycles[i + 1] = algorithms[i]->cycles(f, &known);
        if (!id && algorithms[i] == best)
            plan->algorithm = (fc_filter_algorithm_id)(i + 1);
    }
    fc_scratch_free(memory);
    plan->flops = 2 * numbers(f) * (double)f->k_h * (double)f->k_w * (fc_filter_is_complex(f->work) ? 4 : 1);
    plan->bytes = numbers(f) * (double)f->out_number +
        (double)(f->h * f->channels) * (double)f->w * (double)f->image_number +
        (double)f->k_h * (double)f->k_w * (double)f->number;
    return FC_OK;
}

fc_status fc_filter_explain(fc_filter *f, fc_filter_algorithm_id id, fc_filter_plan *plan) {
    void *copy;
    *plan = (fc_filter_plan){.algorithm = id, .isa = fc_active_isa(), .threads = fc_get_num_threads(), .work = f->work};
    FC_TRY(prepare(f, id, &copy));
    const fc_status status = explain(f, id, plan);
    fc_scratch_free(copy);
    return status;
}
