/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry points: one operation of the C API for each input, on an instruction set that the input names. */
#include <stdlib.h>

#include "fuzz/fuzz.h"

enum { EARLY_CALLS = 200 };

static const char *const isas[] = {FC_FUZZ_ISAS};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* More memory than there is must end in FC_OUT_OF_MEMORY. */
const char *__asan_default_options(void) { return "allocator_may_return_null=1:max_allocation_size_mb=2048"; }

/* Calls before fc_init choose the kernels, of which there are only some here. */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    uint8_t bytes[128];
    setenv("FASTCONV_ISA", isas[0], 1);
    for (uint32_t seed = 0; seed < EARLY_CALLS; seed++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)((seed * 2654435761u + (uint32_t)i * 40503u) >> 11);
        fuzz_run(bytes, sizeof bytes);
        fuzz_free_all();
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size)
        return 0;
    fuzz_require(
        fc_set_isa(isas[data[0] % (sizeof isas / sizeof *isas)]) == FC_OK, "an instruction set that is compiled in");
    fc_set_num_threads(1 + data[0] / 16 % 3);
    fuzz_run(data + 1, size - 1);
    fuzz_free_all();
    return 0;
}
