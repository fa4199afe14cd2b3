/* SPDX-License-Identifier: MIT */
#include "jax/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 512 };

static const fc_api *connected;

/* Stands for the data of an empty buffer, which XLA may give as NULL. */
static char nothing[16];

const char *fastconv_jax_connect(const fc_api *api) {
    if (!api || api->size != sizeof(fc_api))
        return "the JAX handlers and fastconv._core come from different builds";
    connected = api;
    return NULL;
}

void call_fail(call *c, int code, const char *format, ...) {
    if (c->error)
        return;
    char text[MESSAGE_SIZE];
    int used = snprintf(text, sizeof text, "%s: ", c->operation->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    c->error = c->frame->api->create_error(&(ffi_new_error){sizeof(ffi_new_error), NULL, text, code});
}

void call_check(call *c, fc_status status) {
    if (status != FC_OK)
        call_fail(c, status == FC_OUT_OF_MEMORY ? FFI_RESOURCE_EXHAUSTED : FFI_INVALID_ARGUMENT, "%s",
            c->fc->status_text(status));
}

size_t buffer_count(const ffi_buffer *buffer) {
    size_t count = 1;
    for (int64_t i = 0; i < buffer->rank; i++)
        count *= (size_t)buffer->dims[i];
    return count;
}

double alpha_of(int64_t bits) {
    double alpha;
    memcpy(&alpha, &bits, sizeof alpha);
    return alpha;
}

/* The next of the arguments or results. */
static void *take(call *c, const char *kind, const ffi_buffers *list, int *next, size_t count) {
    if (c->error)
        return NULL;
    if (*next >= list->count) {
        call_fail(c, FFI_INVALID_ARGUMENT, "%s %d is missing", kind, *next);
        return NULL;
    }
    const ffi_buffer *buffer = list->buffers[*next];
    if (buffer_count(buffer) != count) {
        call_fail(c, FFI_INVALID_ARGUMENT, "%s %d must have %zu elements; received %zu", kind, *next, count,
            buffer_count(buffer));
        return NULL;
    }
    ++*next;
    return buffer->data ? buffer->data : nothing;
}

const void *call_argument(call *c, size_t count) {
    return take(c, "argument", &c->frame->arguments, &c->next_argument, count);
}

void *call_result(call *c, size_t count) { return take(c, "result", &c->frame->results, &c->next_result, count); }

int call_complete(call *c) {
    if (!c->error && (c->next_argument < c->argument_count || c->next_result < c->result_count))
        call_fail(c, FFI_INVALID_ARGUMENT, "there are %d arguments and %d results; expected %d and %d",
            c->argument_count, c->result_count, c->next_argument, c->next_result);
    return !c->error;
}

layer_grads call_grads(call *c, int64_t wanted, fc_activation activation, layer_sizes size) {
    layer_grads g = {0};
    g.x = wanted & WANT_KERNEL ? call_argument(c, size.x) : NULL;
    g.kernel = wanted & WANT_X ? call_argument(c, size.kernel) : NULL;
    g.y = activation != FC_LINEAR ? call_argument(c, size.y) : NULL;
    g.dy = call_argument(c, size.y);
    g.dx = wanted & WANT_X ? call_result(c, size.x) : NULL;
    g.dkernel = wanted & WANT_KERNEL ? call_result(c, size.kernel) : NULL;
    g.dbias = wanted & WANT_BIAS ? call_result(c, size.bias) : NULL;
    return g;
}

/* XLA asks for this once, when a program is compiled; the version it answers with is then checked by XLA. */
static int describe(const ffi_frame *frame) {
    const ffi_extension *extension = frame->extensions;
    if (!extension || extension->type != FFI_METADATA)
        return 0;
    ffi_metadata *metadata = ((const ffi_metadata_extension *)extension)->metadata;
    metadata->version.major = FFI_MAJOR;
    metadata->version.minor = frame->api->version.minor; /* what is used here is in all minor versions */
    metadata->traits = 0;
    return 1;
}

static int dtype_of(int type, fc_dtype *dtype) {
    static const struct {
        int type;
        fc_dtype dtype;
    } known[] = {{FFI_F16, FC_F16}, {FFI_BF16, FC_BF16}, {FFI_F32, FC_F32}, {FFI_F64, FC_F64}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == type) {
            *dtype = known[i].dtype;
            return 1;
        }
    return 0;
}

static void read_buffers(call *c, const ffi_buffers *list, int first_type) {
    for (int64_t i = 0; i < list->count; i++)
        if (list->types[i] != FFI_BUFFER || list->buffers[i]->dtype != first_type)
            call_fail(c, FFI_INVALID_ARGUMENT, "all arguments and results must be arrays of one dtype");
}

static void read_frame(call *c) {
    const ffi_frame *frame = c->frame;
    const ffi_attributes *attributes = &frame->attributes;
    if (frame->arguments.struct_size != sizeof(ffi_buffers) || frame->results.struct_size != sizeof(ffi_buffers)) {
        call_fail(c, FFI_FAILED_PRECONDITION, "this XLA lays its call frames out in a way not known here");
        return;
    }
    c->argument_count = (int)frame->arguments.count;
    c->result_count = (int)frame->results.count;
    if (!c->argument_count || frame->arguments.types[0] != FFI_BUFFER ||
        !dtype_of(frame->arguments.buffers[0]->dtype, &c->dtype)) {
        call_fail(c, FFI_INVALID_ARGUMENT, "the first argument must be float16, bfloat16, float32 or float64");
        return;
    }
    read_buffers(c, &frame->arguments, frame->arguments.buffers[0]->dtype);
    read_buffers(c, &frame->results, frame->arguments.buffers[0]->dtype);
    const ffi_array *numbers = attributes->count == 1 && attributes->types[0] == FFI_ARRAY ? attributes->values[0]
                                                                                           : NULL;
    if (!numbers || numbers->dtype != FFI_S64 || numbers->count != c->operation->numbers) {
        call_fail(c, FFI_INVALID_ARGUMENT, "the one attribute must be an array of %zu 64-bit integers",
            c->operation->numbers);
        return;
    }
    c->numbers = numbers->data;
}

ffi_error *jax_handle(const ffi_frame *frame, const operation *described) {
    if (describe(frame))
        return NULL;
    call c = {.frame = frame, .fc = connected, .operation = described};
    if (!connected)
        call_fail(&c, FFI_FAILED_PRECONDITION, "not connected: import fastconv.jax");
    else
        read_frame(&c);
    if (!c.error)
        described->run(&c);
    return c.error;
}
