/* SPDX-License-Identifier: MIT */
#include "check/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/dispatch.h"
#include "core/os.h"

enum { GUARD = 256, POISON = 0xa5 };

static struct {
    uint64_t random;
    size_t cases, failures;
    int benching, measuring, reported;
    char name[256];
    const char *variant;
} state = {.variant = ""};

static void *allocate(size_t bytes) {
    void *memory = fc_os_allocate(64, bytes);
    if (!memory) {
        fputs("check: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

check_buffer check_alloc(size_t bytes, size_t shift) {
    check_buffer b = {.bytes = bytes};
    b.base = allocate(bytes + shift + 2 * GUARD);
    b.data = b.base + GUARD + shift;
    memset(b.base, POISON, GUARD + shift);
    memset(b.data + bytes, POISON, GUARD);
    memset(b.data, 0xff, bytes); /* NaN in every float format: an element never written shows */
    return b;
}

void check_free(check_buffer *b) { fc_os_free(b->base); }

uint64_t check_random(void) { /* xorshift64*: Vigna, 2016 */
    state.random ^= state.random >> 12;
    state.random ^= state.random << 25;
    state.random ^= state.random >> 27;
    return state.random * 0x2545f4914f6cdd1dull;
}
size_t check_random_below(size_t n) { return n ? check_random() % n : 0; }
double check_random_unit(void) { return ((double)(check_random() >> 11) + 0.5) * 0x1p-52 - 1; }

static const double extremes[] = {
    0.0, -0.0, 1e30, -1e30, 3.4028234e38, -3.4028234e38, 1e-40, -1e-40, 1e-45, 88.8, -88.8, -103.5, 0.5, -0.5, 20, -20};

#define FILL(T, F)                                                           \
    void check_fill_##F(T *x, size_t n) {                                    \
        for (size_t i = 0; i < n; i++)                                       \
            x[i] = (T)check_random_unit();                                   \
    }                                                                        \
    void check_fill_##F##_extremes(T *x, size_t n) {                         \
        for (size_t i = 0; i < n; i++)                                       \
            switch (check_random_below(8)) {                                 \
            case 0:                                                          \
                x[i] = (T)extremes[check_random_below(sizeof extremes / 8)]; \
                break;                                                       \
            case 1:                                                          \
                x[i] = check_random_below(4) ? (T)INFINITY : (T)NAN;         \
                break;                                                       \
            case 2:                                                          \
                x[i] = -(T)INFINITY;                                         \
                break;                                                       \
            case 3:                                                          \
                x[i] = (T)(check_random_unit() * 100);                       \
                break;                                                       \
            default:                                                         \
                x[i] = (T)(check_random_unit() * 4);                         \
            }                                                                \
    }
FILL(float, f32)
FILL(double, f64)

void check_fill_bytes(void *x, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)x)[i] = (unsigned char)check_random();
}

void check_case(const char *slot, const char *isa, const char *parameters, ...) {
    va_list list;
    int used = snprintf(state.name, sizeof state.name, "%s%s %s ", isa, state.variant, slot);
    va_start(list, parameters);
    vsnprintf(state.name + used, sizeof state.name - (size_t)used, parameters, list);
    va_end(list);
    state.cases++;
    state.reported = 0;
}

static int fail(void) {
    if (state.reported)
        return 0;
    state.reported = 1;
    return ++state.failures <= 50;
}

#define CLOSE(T, F)                                                                                      \
    void check_close_##F(const T *got, const T *want, size_t n, double tolerance, double scale) {        \
        for (size_t i = 0; i < n; i++) {                                                                 \
            T g, w;                                                                                      \
            memcpy(&g, got + i, sizeof g);                                                               \
            memcpy(&w, want + i, sizeof w);                                                              \
            if ((isnan(g) && isnan(w)) || g == w || fabs((double)g - (double)w) <= tolerance * scale)    \
                continue;                                                                                \
            if (fail())                                                                                  \
                printf("FAIL %s: [%zu] is %.9g, should be %.9g\n", state.name, i, (double)g, (double)w); \
            return;                                                                                      \
        }                                                                                                \
    }
CLOSE(float, f32)
CLOSE(double, f64)

void check_same_bytes(const void *got, const void *want, size_t bytes) {
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; i < bytes; i++)
        if (g[i] != w[i]) {
            if (fail())
                printf("FAIL %s: byte %zu is %02x, should be %02x\n", state.name, i, g[i], w[i]);
            return;
        }
}

void check_true(int condition, const char *what) {
    if (!condition && fail())
        printf("FAIL %s: %s\n", state.name, what);
}

void check_guards(const check_buffer *b) {
    for (unsigned char *p = b->base; p < b->data + b->bytes + GUARD; p = p + 1 == b->data ? b->data + b->bytes : p + 1)
        if (*p != POISON) {
            if (fail())
                printf("FAIL %s: wrote outside its output, at byte %td of %zu\n", state.name, p - b->data, b->bytes);
            return;
        }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int check_benching(void) { return state.benching; }
int check_measuring(void) { return state.measuring; }

void check_time(const char *slot, const char *isa, const char *parameters, void (*run)(void *), void *context,
    double work, const char *unit) {
    double best = INFINITY, begin = now();
    for (size_t repeat = 1; now() - begin < 0.1;) {
        double start = now();
        for (size_t i = 0; i < repeat; i++)
            run(context);
        double took = now() - start;
        if (took < 1e-4) {
            repeat *= 2;
            continue;
        }
        best = fmin(best, took / (double)repeat);
    }
    printf("%-6s%-1s %-22s %-28s %9.2f us %8.2f %s\n", isa, state.variant, slot, parameters, best * 1e6,
        work / best / 1e9, unit);
}

static void check_table(const fc_kernels *kernels, const char *isa, const char *variant, uint64_t seed) {
    state.variant = variant;
    state.random = seed | 1;
    const size_t before = state.failures;
#define FC_CHECK(name) check_##name(kernels, isa);
#include "check/list.inc"
#undef FC_CHECK
    printf("%s%s: %s\n", isa, variant, state.failures == before ? "ok" : "FAILED");
}

/* An instruction set with extensions is checked twice: with those this CPU has, then without any, under its name and
 * "-". */
int main(int argc, char **argv) {
    uint64_t seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--bench"))
            state.benching = 1;
        else if (!strcmp(argv[i], "--ulp"))
            state.measuring = 1;
        else if (!strncmp(argv[i], "--seed=", 7))
            seed = strtoull(argv[i] + 7, NULL, 10);
        else {
            fprintf(stderr, "usage: %s [--bench] [--ulp] [--seed=N]\n", argv[0]);
            return 2;
        }
    printf("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < fc_isa_count(); i++) {
        const char *isa = fc_isa_name(i);
        if (!fc_isa_available(i)) {
            printf("%s: not on this CPU\n", isa);
            continue;
        }
        check_table(fc_isa_kernels(i), isa, "", seed);
        if (memcmp(fc_isa_kernels(i), fc_isa_unextended_kernels(i), sizeof(fc_kernels)))
            check_table(fc_isa_unextended_kernels(i), isa, "-", seed);
    }
    printf("%zu passed, %zu failed\n", state.cases - state.failures, state.failures);
    return state.failures != 0;
}
