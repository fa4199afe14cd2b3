/* SPDX-License-Identifier: MIT */
/* The kernels that filter integers by integer taps: sums within what the contracts allow, halves among them. */
#include <string.h>

#include "check/check.h"
#include "kernels/ref/filter.h"
#include "kernels/ref/fixed_point.h"

enum { REPEATS = 60, MOST = 300, TAPS = 12 };

/* Taps whose sizes add up to `most` at most, of a symmetry. */
static fc_fixed_taps draw_taps(int32_t *taps, int32_t most, int positive) {
    static const size_t usual[] = {1, 3, 3, 5, 7};
    const size_t k = check_random_below(3) ? usual[check_random_below(5)] : 1 + check_random_below(TAPS);
    int symmetry = (int)check_random_below(3) - 1;
    for (size_t j = 0; j < k; j++) {
        taps[j] = (int32_t)check_random_below((size_t)most / k + 1);
        if (!positive && check_random_below(2))
            taps[j] = -taps[j];
    }
    symmetry = positive && symmetry < 0 ? 0 : symmetry;
    for (size_t j = 0; j < k / 2 && symmetry; j++)
        taps[k - 1 - j] = symmetry * taps[j];
    if (symmetry < 0 && k % 2)
        taps[k / 2] = 0;
    return (fc_fixed_taps){taps, k, symmetry};
}

static void check_columns(const char *name, fc_dtype dtype, fc_fixed_columns_fn *run, const char *isa) {
    const size_t n = 1 + check_random_below(MOST), size = fc_dtype_size(dtype), number = size * 2;
    int32_t taps[TAPS];
    const void *rows[TAPS];
    const fc_fixed_taps column = draw_taps(taps, dtype == FC_U8 ? 128 : 30000, 0);
    check_buffer cells = check_alloc(n * TAPS * size, check_random_below(2)), out = check_alloc(n * number, 0);
    check_case(name, isa, "n %zu, %zu taps, symmetry %d", n, column.k, column.symmetry);
    check_fill_bytes(cells.data, cells.bytes);
    for (size_t j = 0; j < TAPS; j++)
        rows[j] = cells.data + j * n * size;
    const fc_fixed_columns columns = {column, rows, out.data, n};
    run(&columns);
    int same = 1;
    for (size_t i = 0; i < n; i++)
        same &= fc_ref_fixed_column(&columns, dtype, i) ==
            (number == 2 ? ((const int16_t *)out.data)[i] : ((const int32_t *)out.data)[i]);
    check_true(same, "a sum differs");
    check_guards(&out);
    check_free(&cells);
    check_free(&out);
}

static void check_slide(const char *name, fc_dtype dtype, fc_fixed_slide_fn *run, const char *isa) {
    const size_t n = check_random_below(MOST);
    const int leaves = (int)check_random_below(2);
    check_buffer enter = check_alloc(n * 2, check_random_below(2)), leave = check_alloc(n * 2, check_random_below(2)),
                 sums = check_alloc(n * 4, 0);
    check_case(name, isa, "n %zu, leaves %d", n, leaves);
    check_fill_bytes(enter.data, n * 2);
    check_fill_bytes(leave.data, n * 2);
    memset(sums.data, 0, n * 4);
    run(enter.data, leaves ? leave.data : NULL, (int32_t *)sums.data, n);
    int same = 1;
    for (size_t i = 0; i < n; i++)
        same &= ((const int32_t *)sums.data)[i] ==
            fc_ref_number(dtype, enter.data, i) - leaves * fc_ref_number(dtype, leave.data, i);
    check_true(same, "a sum differs");
    check_guards(&sums);
    check_free(&enter);
    check_free(&leave);
    check_free(&sums);
}

/* A finish for sums of at most `most`, which gives results within their type's upper end. */
static fc_fixed_finish draw_finish(int32_t most) {
    static const fc_dtype results[] = {FC_U8, FC_U16, FC_I16, FC_F32};
    fc_fixed_finish finish = {.result = results[check_random_below(4)], .scale = 0.37f};
    finish.rounding = (fc_fixed_rounding)check_random_below(3);
    const int32_t end = finish.result == FC_I16 ? INT16_MAX : UINT16_MAX - 1;
    if (finish.result == FC_F32)
        return finish;
    finish.divisor = (int32_t)(2 + check_random_below(1000)) + most / end;
    finish.scale = 1 / (float)finish.divisor;
    while (most >> finish.shift > end)
        finish.shift++;
    finish.shift += (int)check_random_below(4);
    return finish;
}

static void compare(const fc_fixed_rows *rows, int is_wide) {
    int same = 1;
    for (size_t i = 0; i < rows->n; i++)
        same &= fc_ref_fixed_result(&rows->finish, fc_ref_fixed_row(rows, is_wide, i)) ==
            fc_ref_number(rows->finish.result, rows->out, i);
    check_true(same, "a result differs");
}

static void fill_line(void *line, int is_wide, size_t n, int32_t most) {
    for (size_t i = 0; i < n; i++) {
        const int32_t x = (int32_t)check_random_below(2 * (size_t)most + 1) - most;
        if (is_wide)
            ((int32_t *)line)[i] = x;
        else
            ((int16_t *)line)[i] = (int16_t)x;
    }
}

static void check_rows(const char *name, int is_wide, fc_fixed_rows_fn *run, const char *isa) {
    const size_t n = 1 + check_random_below(MOST), step = 1 + check_random_below(5), number = is_wide ? 4 : 2;
    const int32_t total = 1 + (int32_t)check_random_below(200);
    int32_t taps[TAPS];
    const fc_fixed_taps row = draw_taps(taps, total, 0);
    const size_t length = n + (row.k - 1) * step;
    /* Within the integers of float. */
    const int32_t most = is_wide ? (1 << 23) / total : row.symmetry ? (1 << 14) - 1 : INT16_MAX;
    check_buffer line = check_alloc((length + FC_FIXED_PAD) * number, 0);
    fc_fixed_rows rows = {row, line.data, step, draw_finish(most * total), NULL, n};
    check_buffer out = check_alloc(n * fc_fixed_result_size(rows.finish.result), check_random_below(4));
    rows.out = out.data;
    check_case(name, isa, "n %zu, step %zu, %zu taps, symmetry %d, result %d, rounding %d", n, step, row.k,
        row.symmetry, (int)rows.finish.result, (int)rows.finish.rounding);
    fill_line(line.data, is_wide, length, most);
    run(&rows);
    compare(&rows, is_wide);
    check_guards(&out);
    check_free(&line);
    check_free(&out);
}

static void check_narrow(const fc_kernels *kernels, const char *isa) {
    const size_t n = 1 + check_random_below(MOST), step = 1 + check_random_below(5);
    const int bytes = (int)check_random_below(2);
    int32_t taps[TAPS];
    const fc_fixed_taps row = draw_taps(taps, 200, bytes);
    const size_t length = n + (row.k - 1) * step;
    fc_fixed_finish finish = {.result = bytes ? FC_U8 : FC_I16, .shift = bytes ? (int)check_random_below(9) : 0};
    check_buffer line = check_alloc((length + FC_FIXED_PAD) * 2, 0);
    check_buffer out = check_alloc(n * fc_fixed_result_size(finish.result), 0);
    const fc_fixed_rows rows = {row, line.data, step, finish, out.data, n};
    check_case("fixed_rows_narrow", isa, "n %zu, step %zu, %zu taps, symmetry %d, bytes %d", n, step, row.k,
        row.symmetry, bytes);
    fill_line(line.data, 0, length, 160);
    for (size_t i = 0; i < length && bytes; i++)
        ((int16_t *)line.data)[i] = (int16_t)(160 + ((int16_t *)line.data)[i]);
    kernels->fixed_rows_narrow(&rows);
    compare(&rows, 0);
    check_guards(&out);
    check_free(&line);
    check_free(&out);
}

/* Sums times an integer, as fc_scaled has it. */
static void check_multiplied(const fc_kernels *kernels, const char *isa) {
    const size_t n = 1 + check_random_below(MOST);
    const int32_t one = 1;
    fc_fixed_finish finish = {.result = FC_U8,
        .scaling = {.multiplier = (uint16_t)(1 + check_random_below(UINT16_MAX)),
            .bias = (uint16_t)check_random_below(1 << 15),
            .left = (uint8_t)check_random_below(8),
            .right = (uint8_t)(1 + check_random_below(15))}};
    check_buffer line = check_alloc((n + FC_FIXED_PAD) * 2, 0), out = check_alloc(n, 0);
    check_case("fixed_rows_narrow", isa, "n %zu, multiplier %u", n, finish.scaling.multiplier);
    check_fill_bytes(line.data, n * 2);
    kernels->fixed_rows_narrow(&(fc_fixed_rows){{&one, 1, 1}, line.data, 1, finish, out.data, n});
    int same = 1;
    for (size_t i = 0; i < n; i++) {
        const uint16_t want = fc_scaled(((const uint16_t *)line.data)[i], &finish.scaling);
        same &= out.data[i] == (want < UINT8_MAX ? want : UINT8_MAX);
    }
    check_true(same, "a result differs");
    check_guards(&out);
    check_free(&line);
    check_free(&out);
}

static void check_windows(const char *name, int is_wide, fc_fixed_windows_fn *run, const char *isa) {
    const size_t step = 1 + check_random_below(5), n = step * (1 + check_random_below(60)),
                 k = 1 + check_random_below(90), length = n + (k - 1) * step;
    check_buffer line = check_alloc(length * (is_wide ? 4 : 2), 0), temp = check_alloc((n + FC_FIXED_PAD) * 4, 0),
                 windows = check_alloc((n + FC_FIXED_PAD) * 4, 0);
    check_case(name, isa, "n %zu, step %zu, k %zu", n, step, k);
    fill_line(line.data, is_wide, length, is_wide ? 1 << 24 : INT16_MAX);
    run(&(fc_fixed_windows){line.data, k, step, (int32_t *)temp.data, (int32_t *)windows.data, n});
    int same = 1;
    for (size_t i = 0; i < n; i++)
        same &= ((const int32_t *)windows.data)[i] == fc_ref_fixed_window(line.data, is_wide, k, step, i);
    check_true(same, "a sum differs");
    check_guards(&windows);
    check_guards(&temp);
    check_free(&line);
    check_free(&temp);
    check_free(&windows);
}

void check_fixed_point(const fc_kernels *kernels, const char *isa) {
    for (size_t repeat = 0; repeat < REPEATS; repeat++) {
        check_columns("fixed_columns_u8", FC_U8, kernels->fixed_columns_u8, isa);
        check_columns("fixed_columns_u16", FC_U16, kernels->fixed_columns_u16, isa);
        check_columns("fixed_columns_i16", FC_I16, kernels->fixed_columns_i16, isa);
        check_slide("fixed_slide_u16", FC_U16, kernels->fixed_slide_u16, isa);
        check_slide("fixed_slide_i16", FC_I16, kernels->fixed_slide_i16, isa);
        check_rows("fixed_rows_i16", 0, kernels->fixed_rows_i16, isa);
        check_rows("fixed_rows_i32", 1, kernels->fixed_rows_i32, isa);
        check_narrow(kernels, isa);
        check_multiplied(kernels, isa);
        check_windows("fixed_windows_i16", 0, kernels->fixed_windows_i16, isa);
        check_windows("fixed_windows_i32", 1, kernels->fixed_windows_i32, isa);
    }
}
