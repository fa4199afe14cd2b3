/* SPDX-License-Identifier: MIT */
/* Pooling of rows of windows against kernels/ref: few values, so that ties are many, and NaN and infinities among them.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/pool.h"

typedef struct pool_slot {
    const char *name;
    fc_pool_fn *run, *reference;
    int reads_x, from_on_x, to_on_x, is_double;
} pool_slot;

/* Elements from the first to past the last that `rows` rows of the windows touch. */
static size_t extent(const fc_pool_span *s, size_t rows) {
    return (s->lines - 1) * s->x_line + (s->count - 1) * s->step + (rows - 1) * s->row_pitch +
        (s->cols - 1) * s->col_pitch + s->channels;
}

static double draw(int special) {
    if (special && check_random_below(6) == 0)
        return check_random_below(3) ? (check_random_below(2) ? INFINITY : -INFINITY) : NAN;
    return (double)check_random_below(7) - 3;
}

static void fill(void *x, size_t n, int is_double, int special) {
    for (size_t i = 0; i < n; i++)
        if (is_double)
            ((double *)x)[i] = draw(special);
        else
            ((float *)x)[i] = (float)draw(special);
}

static void run_case(const pool_slot *slot, const char *isa, const fc_pool_span *s, int special) {
    const size_t width = slot->is_double ? sizeof(double) : sizeof(float),
                 windows = (s->lines - 1) * s->window_line + s->count * s->channels;
    const size_t cells = extent(s, s->rows), target = slot->to_on_x ? extent(s, s->grad_end - s->grad_begin) : windows;
    const size_t source = slot->from_on_x ? cells : windows;
    check_buffer x = check_alloc(cells * width, width * check_random_below(8));
    check_buffer from = check_alloc(source * width, width * check_random_below(8));
    check_buffer got = check_alloc(target * width, width * check_random_below(8)),
                 want = check_alloc(target * width, 0);
    check_case(slot->name, isa,
        "window %zux%zu count %zu step %zu pitch %zu,%zu channels %zu rows %zu..%zu met %zu,%zu lines %zu%s", s->rows,
        s->cols, s->count, s->step, s->row_pitch, s->col_pitch, s->channels, s->grad_begin, s->grad_end, s->met_rows,
        s->met_cols, s->lines, special ? " special" : "");
    fill(x.data, cells, slot->is_double, special);
    fill(from.data, source, slot->is_double, 0);
    fill(got.data, target, slot->is_double, 0);
    memcpy(want.data, got.data, target * width);
    slot->run(s, slot->reads_x ? x.data : NULL, from.data, got.data);
    slot->reference(s, x.data, from.data, want.data);
    const double scale = (double)(8 * s->rows * s->cols);
    if (slot->is_double)
        check_close_f64((double *)got.data, (double *)want.data, target, DBL_EPSILON, scale);
    else
        check_close_f32((float *)got.data, (float *)want.data, target, FLT_EPSILON, scale);
    check_guards(&got);
    check_free(&x);
    check_free(&from);
    check_free(&got);
    check_free(&want);
}

static const struct {
    size_t rows, cols, stride;
} windows[] = {
    {1, 1, 1},
    {2, 2, 2},
    {2, 2, 1},
    {3, 3, 2},
    {3, 3, 1},
    {2, 3, 3},
    {1, 4, 5},
    {5, 1, 4},
    {7, 7, 7},
    {2, 2, 3},
    {2, 8, 3},
    {3, 9, 2},
    {1, 300, 7},
};
static const size_t channels[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 70};
static const size_t counts[] = {1, 2, 3, 5, 8, 15, 16, 17, 33, 150};

static void geometries(const pool_slot *slot, const char *isa) {
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (size_t c = 0; c < sizeof channels / sizeof *channels; c++)
            for (size_t i = 0; i < (channels[c] < 8 ? sizeof counts / sizeof *counts : 4); i++) {
                const size_t width = ((counts[i] - 1) * windows[w].stride + windows[w].cols + check_random_below(3)) *
                    channels[c];
                fc_pool_span s = {
                    .rows = windows[w].rows,
                    .cols = windows[w].cols,
                    .row_pitch = width,
                    .col_pitch = channels[c],
                    .count = counts[i],
                    .step = windows[w].stride * channels[c],
                    .channels = channels[c],
                };
                s.grad_begin = check_random_below(s.rows);
                s.grad_end = s.grad_begin + 1 + check_random_below(s.rows - s.grad_begin);
                s.lines = 1 + check_random_below(3);
                s.x_line = (1 + check_random_below(s.rows + 1)) * s.row_pitch;
                s.window_line = s.count * s.channels + check_random_below(3);
                s.met_rows = check_random_below(s.rows + 1);
                s.met_cols = check_random_below(s.cols + 1);
                run_case(slot, isa, &s, (int)check_random_below(2));
            }
}

enum { WIDTH = 128, CHANNELS = 32 };
typedef struct timed {
    fc_pool_fn *run;
    fc_pool_span span;
    float x[2 * WIDTH * CHANNELS], from[2 * WIDTH * CHANNELS], to[2 * WIDTH * CHANNELS];
} timed;

static void run_timed(void *timed_) {
    timed *t = timed_;
    t->run(&t->span, t->x, t->from, t->to);
}

/* Two rows of 2 x 2 windows, in cache. */
static void bench(const pool_slot *slot, const char *isa) {
    static timed t;
    const size_t elements = 2 * WIDTH * CHANNELS;
    fill(t.x, elements, 0, 0);
    memset(t.to, 0, sizeof t.to);
    for (int last = 0; last < 2; last++) {
        const size_t c = last ? CHANNELS : 1, width = last ? WIDTH : WIDTH * CHANNELS;
        t.run = slot->run;
        t.span = (fc_pool_span){.rows = 2,
            .cols = 2,
            .row_pitch = width * c,
            .col_pitch = c,
            .count = width / 2,
            .step = 2 * c,
            .channels = c,
            .lines = 1,
            .grad_end = 2};
        check_time(slot->name, isa, last ? "2x2 32 channels, in cache" : "2x2 1 channel, in cache", run_timed, &t,
            4.0 * (double)elements * (slot->from_on_x || slot->to_on_x ? 2.25 : 1.25), "GB/s");
    }
}

void check_pool(const fc_kernels *k, const char *isa) {
    const pool_slot slots[] = {
        {"pool_max_f32", k->pool_max_f32, fc_ref_pool_max_f32, 1, 0, 0, 0},
        {"pool_max_f64", k->pool_max_f64, fc_ref_pool_max_f64, 1, 0, 0, 1},
        {"pool_avg_f32", k->pool_avg_f32, fc_ref_pool_avg_f32, 1, 0, 0, 0},
        {"pool_avg_f64", k->pool_avg_f64, fc_ref_pool_avg_f64, 1, 0, 0, 1},
        {"pool_max_grad_f32", k->pool_max_grad_f32, fc_ref_pool_max_grad_f32, 1, 0, 1, 0},
        {"pool_max_grad_f64", k->pool_max_grad_f64, fc_ref_pool_max_grad_f64, 1, 0, 1, 1},
        {"pool_avg_grad_f32", k->pool_avg_grad_f32, fc_ref_pool_avg_grad_f32, 0, 0, 1, 0},
        {"pool_avg_grad_f64", k->pool_avg_grad_f64, fc_ref_pool_avg_grad_f64, 0, 0, 1, 1},
        {"pool_max_pick_f32", k->pool_max_pick_f32, fc_ref_pool_max_pick_f32, 1, 1, 0, 0},
        {"pool_max_pick_f64", k->pool_max_pick_f64, fc_ref_pool_max_pick_f64, 1, 1, 0, 1},
    };
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        geometries(&slots[i], isa);
        if (check_benching() && !slots[i].is_double)
            bench(&slots[i], isa);
    }
}
