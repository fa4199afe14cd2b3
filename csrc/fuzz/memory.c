/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of a few hundred calls fails in turn: the call ends in FC_OUT_OF_MEMORY, or does without it and is
 * right, the next one is right, and nothing is kept. The linker puts the functions here before the C library's
 * (--wrap). Each try has a thread of its own, as a thread keeps its scratch memory until it ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz.h"

enum { CALLS = 600, INPUT = 128 };

static struct {
    long made, held, fails;
} memory = {.fails = -1}; /* fails: the number of the allocation that does */

int __real_posix_memalign(void **pointer, size_t alignment, size_t bytes);
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void __real_free(void *pointer);
int __wrap_posix_memalign(void **pointer, size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void __wrap_free(void *pointer);

static int may_allocate(void) {
    const int may = fuzz_allocates || memory.made++ != memory.fails;
    memory.held += may;
    return may;
}

int __wrap_posix_memalign(void **pointer, size_t alignment, size_t bytes) {
    enum { OUT_OF_MEMORY = 12 };
    return may_allocate() ? __real_posix_memalign(pointer, alignment, bytes) : OUT_OF_MEMORY;
}
void *__wrap_malloc(size_t bytes) { return may_allocate() ? __real_malloc(bytes) : NULL; }
void *__wrap_calloc(size_t count, size_t bytes) { return may_allocate() ? __real_calloc(count, bytes) : NULL; }
void __wrap_free(void *pointer) {
    memory.held -= pointer != NULL;
    __real_free(pointer);
}

typedef struct call {
    uint8_t bytes[INPUT];
    uint64_t hash, hash_after;
    int ran_out;
    long allocations;
} call;

static uint64_t run(const call *c) {
    fuzz_run(c->bytes, INPUT);
    return fuzz_free_all();
}

/* The call with the allocation that is to fail, and once more with none. */
static void *try_in_thread(void *context) {
    call *c = context;
    memory.made = 0;
    c->hash = run(c);
    c->ran_out = fuzz_ran_out_of_memory();
    c->allocations = memory.made;
    memory.fails = -1;
    c->hash_after = run(c);
    fuzz_require(!fuzz_ran_out_of_memory(), "memory is found where there is some");
    return NULL;
}

static void try(call *c, long fails) {
    pthread_t thread;
    const long held = memory.held;
    memory.fails = fails;
    fuzz_require(!pthread_create(&thread, NULL, try_in_thread, c), "a thread");
    pthread_join(thread, NULL);
    fuzz_require(memory.held == held, "nothing is kept");
}

static void check(call *c) {
    try(c, -1);
    const uint64_t right = c->hash;
    const long allocations = c->allocations;
    fuzz_require(c->hash_after == right, "the same call gives the same bits");
    for (long i = 0; i < allocations; i++) {
        try(c, i);
        fuzz_require(c->ran_out || c->hash == right, "a call without its memory says so or is right");
        fuzz_require(c->hash_after == right, "the next call is right");
    }
    c->allocations = allocations;
}

int main(void) {
    uint64_t random = 88172645463325252u; /* xorshift64: Marsaglia, 2003 */
    long calls = 0, allocations = 0;
    fc_init();
    fc_set_num_threads(1);
    while (calls < CALLS) {
        call c;
        for (size_t i = 0; i < INPUT; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            c.bytes[i] = (uint8_t)(random >> 32);
        }
        check(&c);
        calls += c.allocations > 0;
        allocations += c.allocations;
    }
    printf("%ld calls, each of their %ld allocations failed once\n", calls, allocations);
    return 0;
}
