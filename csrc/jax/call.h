/* SPDX-License-Identifier: MIT */
/*
 * What every handler shares. An operation's geometry comes as one attribute, an array of integers that fastconv/jax has
 * checked; buffers are read and written where XLA keeps them. Their sizes are checked again before a kernel touches
 * them.
 */
#ifndef FC_JAX_CALL_H
#define FC_JAX_CALL_H

#include "fastconv_api.h"
#include "jax/ffi.h"

typedef struct call {
    const ffi_frame *frame;
    const fc_api *fc; /* the kernels, in the copy of the C core that fastconv._core holds */
    const struct operation *operation;
    fc_dtype dtype; /* of all buffers */
    const int64_t *numbers;
    int argument_count, result_count;
    int next_argument, next_result;
    ffi_error *error;
} call;

typedef struct operation {
    const char *name;
    void (*run)(call *);
    size_t numbers; /* how many the attribute holds */
} operation;

/* Set before any handler runs; Python calls it right after loading. The reason why the handlers cannot work, or NULL.
 */
__attribute__((visibility("default"))) const char *fastconv_jax_connect(const fc_api *api);

ffi_error *jax_handle(const ffi_frame *frame, const operation *described);

void call_fail(call *c, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Fails for any status but FC_OK. */
void call_check(call *c, fc_status status);
/* Elements of a buffer. */
size_t buffer_count(const ffi_buffer *buffer);
/* Data of the next argument or result, which must have `count` elements; NULL after a failure, never NULL for an empty
 * one. */
const void *call_argument(call *c, size_t count);
void *call_result(call *c, size_t count);
/* True where nothing has failed and every argument and result has been taken. */
int call_complete(call *c);
double alpha_of(int64_t bits);

/* Elements of a layer's input, kernel, output and bias. */
typedef struct layer_sizes {
    size_t x, kernel, y, bias;
} layer_sizes;

typedef struct layer_grads {
    const void *x, *kernel, *y, *dy;
    void *dx, *dkernel, *dbias; /* NULL for those not wanted */
} layer_grads;

enum { WANT_X = 1, WANT_KERNEL = 2, WANT_BIAS = 4 };

/*
 * The arguments and results of a call for all gradients: x where the kernel's is wanted, kernel where that of x is, y
 * with an activation, dy; the gradients that are wanted.
 */
layer_grads call_grads(call *c, int64_t wanted, fc_activation activation, layer_sizes size);

#define JAX_HANDLER(word, count)                                                                   \
    __attribute__((visibility("default"))) ffi_error *fastconv_jax_##word(const ffi_frame *frame); \
    ffi_error *fastconv_jax_##word(const ffi_frame *frame) {                                       \
        static const operation described = {"fastconv_" #word, run_##word, count};                 \
        return jax_handle(frame, &described);                                                      \
    }

#endif
