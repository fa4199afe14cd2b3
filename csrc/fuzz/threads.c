/* SPDX-License-Identifier: MIT */
/* Threads of a program that convolve at once, each call on threads of fastconv's own: for ThreadSanitizer. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fastconv.h"

enum {
    PROGRAM_THREADS = 4,
    ROUNDS = 6,
    SIZE = 40,
    CHANNELS = 24,
    NUMBERS = SIZE * SIZE * CHANNELS,
    TAPS = 9 * CHANNELS * CHANNELS
};

static fc_conv2d_prepared *shared;
static float x[NUMBERS], kernel[TAPS];

static fc_conv2d_params params(fc_conv2d_algorithm algorithm) {
    return (fc_conv2d_params){
        .dtype = FC_F32,
        .n = 1,
        .h = SIZE,
        .w = SIZE,
        .c_in = CHANNELS,
        .c_out = CHANNELS,
        .k_h = 3,
        .k_w = 3,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .pad_top = 1,
        .pad_bottom = 1,
        .pad_left = 1,
        .pad_right = 1,
        .groups = 1,
        .algorithm = algorithm,
    };
}

static void require(fc_status status) {
    if (status == FC_OK)
        return;
    fputs(fc_status_text(status), stderr);
    abort();
}

static void *work(void *unused) {
    static const fc_conv2d_algorithm algorithms[] = {
        FC_CONV_AUTO, FC_CONV_DIRECT, FC_CONV_PACKED, FC_CONV_PLANAR, FC_CONV_WINOGRAD_4X3, FC_CONV_SPLIT};
    float *y = malloc(sizeof x), *dkernel = malloc(sizeof kernel);
    (void)unused;
    for (size_t round = 0; round < ROUNDS; round++) {
        const fc_conv2d_params p = params(algorithms[round]), by_shared = params(FC_CONV_AUTO);
        const fc_pool2d_params pool = {.dtype = FC_F32,
            .n = 1,
            .h = SIZE,
            .w = SIZE,
            .c = CHANNELS,
            .pool_h = 2,
            .pool_w = 2,
            .stride_h = 2,
            .stride_w = 2};
        const fc_convolve2d_params image = {
            .dtype = FC_F32, .image_h = SIZE * 4, .image_w = SIZE * 6, .k_h = 9, .k_w = 9, .mode = FC_SAME};
        require(fc_conv2d(&p, x, kernel, NULL, y));
        require(fc_conv2d_run(shared, &by_shared, x, y));
        require(fc_conv2d_input_grad(&by_shared, x, kernel, y));
        require(fc_conv2d_kernel_grad(&by_shared, FC_KERNEL_GRAD_AUTO, x, x, dkernel));
        require(fc_pool2d(&pool, x, y));
        require(fc_activate(FC_F32, FC_GELU, 0, NUMBERS, x, y));
        require(fc_convolve2d(&image, x, kernel, NULL, y));
        fc_result_free(fc_result_alloc(1 << 20));
    }
    free(y);
    free(dkernel);
    return NULL;
}

int main(void) {
    pthread_t threads[PROGRAM_THREADS];
    const fc_conv2d_params p = params(FC_CONV_AUTO);
    require(fc_set_isa("scalar"));
    require(fc_set_num_threads(4));
    require(fc_conv2d_prepare(&p, kernel, NULL, &shared));
    for (size_t i = 0; i < PROGRAM_THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL))
            abort();
    for (size_t i = 0; i < PROGRAM_THREADS; i++)
        pthread_join(threads[i], NULL);
    fc_conv2d_free(shared);
    fc_release_memory();
    puts("done");
    return 0;
}
