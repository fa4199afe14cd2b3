/* SPDX-License-Identifier: MIT */
/*
 * The part of XLA's stable FFI C API (xla/ffi/api/c_api.h, major version 0) that the handlers need, declared here so
 * that the library builds without JAX. Every structure begins with its size as XLA knows it: later versions only append
 * fields.
 */
#ifndef FC_JAX_FFI_H
#define FC_JAX_FFI_H

#include <stddef.h>
#include <stdint.h>

enum { FFI_MAJOR = 0 };
enum { FFI_INVALID_ARGUMENT = 3, FFI_RESOURCE_EXHAUSTED = 8, FFI_FAILED_PRECONDITION = 9 }; /* of errors */
enum { FFI_S64 = 5, FFI_F16 = 10, FFI_F32 = 11, FFI_F64 = 12, FFI_BF16 = 16 };              /* of elements */
enum { FFI_METADATA = 1 }; /* an extension: XLA asks what the handler is */
enum { FFI_BUFFER = 1 };   /* an argument, a result */
enum { FFI_ARRAY = 1 };    /* an attribute */

typedef struct ffi_error ffi_error;

typedef struct ffi_extension {
    size_t struct_size;
    int type;
    struct ffi_extension *next;
} ffi_extension;

typedef struct ffi_version {
    size_t struct_size;
    ffi_extension *extensions;
    int major, minor;
} ffi_version;

typedef struct ffi_metadata {
    size_t struct_size;
    ffi_version version;
    uint32_t traits;
} ffi_metadata;

typedef struct ffi_metadata_extension {
    ffi_extension base;
    ffi_metadata *metadata;
} ffi_metadata_extension;

typedef struct ffi_new_error {
    size_t struct_size;
    ffi_extension *extensions;
    const char *message;
    int code;
} ffi_new_error;

typedef struct ffi_api {
    size_t struct_size;
    ffi_extension *extensions;
    ffi_version version;
    const void *internal;
    ffi_error *(*create_error)(ffi_new_error *);
} ffi_api;

typedef struct ffi_buffer {
    size_t struct_size;
    ffi_extension *extensions;
    int dtype;
    void *data;
    int64_t rank;
    int64_t *dims;
} ffi_buffer;

/* Arguments or results. */
typedef struct ffi_buffers {
    size_t struct_size;
    ffi_extension *extensions;
    int64_t count;
    int *types;
    ffi_buffer **buffers;
} ffi_buffers;

typedef struct ffi_name {
    const char *text;
    size_t length;
} ffi_name;

typedef struct ffi_array {
    int dtype;
    size_t count;
    void *data;
} ffi_array;

typedef struct ffi_attributes {
    size_t struct_size;
    ffi_extension *extensions;
    int64_t count;
    int *types;
    ffi_name **names;
    void **values;
} ffi_attributes;

typedef struct ffi_frame {
    size_t struct_size;
    ffi_extension *extensions;
    const ffi_api *api;
    void *context;
    int stage;
    ffi_buffers arguments, results;
    ffi_attributes attributes;
} ffi_frame;

#endif
