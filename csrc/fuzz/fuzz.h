/* SPDX-License-Identifier: MIT */
/* What the fuzzed operations share. */
#ifndef FC_FUZZ_H
#define FC_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "fastconv.h"

enum {
    MOST_BYTES = 1 << 17,
    MOST_WORK = 1 << 21
}; /* of a buffer, and multiplications: a run takes about a millisecond */

/* The bytes that are left; zeros follow the last one. */
typedef struct fuzz_input {
    const uint8_t *data;
    size_t size;
} fuzz_input;

unsigned fuzz_byte(fuzz_input *input);
/* 0 to n - 1. */
unsigned fuzz_below(fuzz_input *input, unsigned n);
/* A size from 0 to `most`; now and then one that is out of all proportion, or negative. */
ptrdiff_t fuzz_size(fuzz_input *input, unsigned most);
/* A step, padding or dilation from `least` up, more often extreme. */
ptrdiff_t fuzz_step(fuzz_input *input, unsigned least, unsigned most);
fc_dtype fuzz_float(fuzz_input *input);

/* Bytes of an array, or SIZE_MAX where it is more than MOST_BYTES. */
size_t fuzz_bytes(fc_dtype dtype, ptrdiff_t a, ptrdiff_t b, ptrdiff_t c, ptrdiff_t d);
/* Whether the product of the six is at most MOST_WORK. */
int fuzz_is_quick(ptrdiff_t a, ptrdiff_t b, ptrdiff_t c, ptrdiff_t d, ptrdiff_t e, ptrdiff_t f);

/* Exactly that many bytes, now and then at an odd address; freed by fuzz_free_all. With SIZE_MAX for a size, one byte.
 */
void *fuzz_buffer(fuzz_input *input, size_t bytes);
extern volatile int fuzz_allocates; /* 1 while memory is for such a buffer, 0 where it is for the library */
uint64_t fuzz_free_all(void);       /* a hash of what they held */

/* Ends the process where a property does not hold. */
void fuzz_require(int holds, const char *property);

/* A call's status, noted; and whether one was FC_OUT_OF_MEMORY since this was last asked. */
fc_status fuzz_status(fc_status status);
int fuzz_ran_out_of_memory(void);
/* Requires that both are FC_OK or neither, unless memory ran out. */
void fuzz_require_alike(fc_status planned, fc_status done, const char *property);

/* The operation that the first bytes name, on what the others say; the buffers are not freed. */
void fuzz_run(const uint8_t *data, size_t size);

typedef void fuzz_operation(fuzz_input *input);
fuzz_operation fuzz_conv2d, fuzz_prepared, fuzz_conv2d_pool2d, fuzz_conv2d_gradients, fuzz_pool2d, fuzz_convolve2d,
    fuzz_filter2d, fuzz_sep_filter2d, fuzz_dense, fuzz_activation, fuzz_softmax, fuzz_norm;

fc_conv2d_params fuzz_conv2d_params(fuzz_input *input);

#endif
