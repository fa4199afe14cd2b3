/* SPDX-License-Identifier: MIT */
/* Image filters. */
#include "fuzz/fuzz.h"

static ptrdiff_t window(fuzz_input *input) {
    const unsigned byte = fuzz_byte(input);
    return byte < 200 ? 1 + byte % 9 : byte < 248 ? 1 + byte % 40 : fuzz_size(input, 0);
}

void fuzz_convolve2d(fuzz_input *input) {
    const fc_convolve2d_params p = {
        .dtype = (fc_dtype)fuzz_below(input, FC_DTYPE_COUNT + 1),
        .image_h = fuzz_size(input, 40),
        .image_w = fuzz_size(input, 60),
        .k_h = window(input),
        .k_w = window(input),
        .mode = (fc_mode)fuzz_below(input, 4),
        .boundary = (fc_boundary)fuzz_below(input, 6),
        .correlate = fuzz_byte(input) & 1,
        .algorithm = (fc_filter_algorithm_id)fuzz_below(input, FC_FILTER_COUNT + 1),
    };
    ptrdiff_t h = 0, w = 0;
    const fc_status status = fc_convolve2d_output_size(&p, &h, &w);
    const size_t x = fuzz_bytes(p.dtype, p.image_h, p.image_w, 1, 1), k = fuzz_bytes(p.dtype, p.k_h, p.k_w, 1, 1);
    const size_t y = fuzz_bytes(p.dtype, h, w, 1, 1);
    if (!status && (x == SIZE_MAX || k == SIZE_MAX || y == SIZE_MAX || !fuzz_is_quick(h, w, p.k_h, p.k_w, 1, 1)))
        return;
    const void *image = fuzz_buffer(input, status ? SIZE_MAX : x), *kernel = fuzz_buffer(input, status ? SIZE_MAX : k);
    const void *fill = fuzz_byte(input) & 1 ? fuzz_buffer(input, fuzz_bytes(p.dtype, 1, 1, 1, 1)) : NULL;
    fc_filter_plan plan;
    const fc_status planned = fuzz_status(fc_plan_convolve2d(&p, kernel, &plan));
    const fc_status done = fuzz_status(
        fc_convolve2d(&p, image, kernel, fill, fuzz_buffer(input, status ? SIZE_MAX : y)));
    fuzz_require(!status || (planned && done), "fc_convolve2d refuses what has no size");
}

void fuzz_filter2d(fuzz_input *input) {
    static const fc_dtype images[] = {FC_U8, FC_I8, FC_U16, FC_I16, FC_F32, FC_I32, FC_F64, FC_BOOL};
    fc_filter2d_params p = {
        .dtype = images[fuzz_below(input, 8)],
        .image_h = fuzz_size(input, 40),
        .image_w = fuzz_size(input, 60),
        .channels = fuzz_size(input, 5),
        .k_h = window(input),
        .k_w = window(input),
        .boundary = (fc_boundary)fuzz_below(input, 6),
        .algorithm = (fc_filter_algorithm_id)fuzz_below(input, FC_FILTER_COUNT + 1),
    };
    p.work = p.dtype == FC_I32 || p.dtype == FC_F64 ? FC_F64 : FC_F32;
    p.result = fuzz_byte(input) & 1 ? p.dtype : p.work;
    p.anchor_row = fuzz_byte(input) & 1 ? p.k_h / 2 : fuzz_step(input, 0, 9);
    p.anchor_col = fuzz_byte(input) & 1 ? p.k_w / 2 : fuzz_step(input, 0, 9);
    const size_t x = fuzz_bytes(p.dtype, p.image_h, p.image_w, p.channels, 1),
                 k = fuzz_bytes(p.work, p.k_h, p.k_w, 1, 1);
    const size_t y = fuzz_bytes(p.result, p.image_h, p.image_w, p.channels, 1);
    if (x == SIZE_MAX || k == SIZE_MAX || y == SIZE_MAX ||
        !fuzz_is_quick(p.image_h, p.image_w, p.channels, p.k_h, p.k_w, 1))
        return;
    const void *image = fuzz_buffer(input, x), *kernel = fuzz_buffer(input, k);
    const void *fill = fuzz_byte(input) & 1 ? fuzz_buffer(input, fc_dtype_size(p.work)) : NULL;
    fc_filter_plan plan;
    const fc_status planned = fuzz_status(fc_plan_filter2d(&p, kernel, &plan));
    const fc_status done = fuzz_status(fc_filter2d(&p, image, kernel, fill, fuzz_buffer(input, y)));
    if (!planned && p.algorithm == FC_FILTER_AUTO)
        fuzz_require_alike(planned, done, "fc_filter2d computes what fc_plan_filter2d plans");
}

void fuzz_sep_filter2d(fuzz_input *input) {
    static const fc_dtype images[] = {FC_U8, FC_I8, FC_U16, FC_I16, FC_F32, FC_I32, FC_F64, FC_BOOL};
    fc_filter2d_params p = {
        .dtype = images[fuzz_below(input, 8)],
        .image_h = fuzz_size(input, 40),
        .image_w = fuzz_size(input, 60),
        .channels = fuzz_size(input, 5),
        .k_h = fuzz_size(input, 300),
        .k_w = fuzz_size(input, 300),
        .boundary = (fc_boundary)fuzz_below(input, 6),
        .algorithm = (fc_filter_algorithm_id)fuzz_below(input, 2),
    };
    p.work = p.dtype == FC_I32 || p.dtype == FC_F64 ? FC_F64 : FC_F32;
    p.result = fuzz_byte(input) & 1 ? p.dtype : p.work;
    p.anchor_row = fuzz_byte(input) & 1 ? p.k_h / 2 : fuzz_step(input, 0, 9);
    p.anchor_col = fuzz_byte(input) & 1 ? p.k_w / 2 : fuzz_step(input, 0, 9);
    const size_t x = fuzz_bytes(p.dtype, p.image_h, p.image_w, p.channels, 1),
                 column = fuzz_bytes(FC_F64, p.k_h, 1, 1, 1), row = fuzz_bytes(FC_F64, p.k_w, 1, 1, 1),
                 y = fuzz_bytes(p.result, p.image_h, p.image_w, p.channels, 1);
    if (x == SIZE_MAX || column == SIZE_MAX || row == SIZE_MAX || y == SIZE_MAX ||
        !fuzz_is_quick(p.image_h, p.image_w, p.channels, p.k_h, p.k_w, 1))
        return;
    const void *image = fuzz_buffer(input, x), *down = fuzz_buffer(input, column), *along = fuzz_buffer(input, row);
    const void *fill = fuzz_byte(input) & 1 ? fuzz_buffer(input, fc_dtype_size(p.work)) : NULL;
    fuzz_status(fc_sep_filter2d(&p, image, down, along, fill, fuzz_buffer(input, y)));
}
