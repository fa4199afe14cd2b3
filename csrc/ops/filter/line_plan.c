/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "core/cpu.h"
#include "core/size.h"
#include "ops/filter/line_fft.h"

/*
 * Cycles of a batch for each cell of its length, by the levels of the transform, measured with AVX-512: more where it
 * leaves L2; and for each line that is read and written.
 */
static double batch_cycles(size_t lanes, size_t length, double bits) {
    static const double LEVEL = 9, TURNED = 22, FAR = 20, LINE = 5, START = 1500;
    const double bytes = 4 * sizeof(double) * (double)lanes * (double)length;
    const double far = fmin(fmax(log2(bytes / (double)fc_caches()->l2), 0), 2);
    return (double)length * (LEVEL * bits + TURNED + FAR * far + LINE * (double)lanes) + START;
}

static void cut_into(const fc_filter *f, size_t length, fc_line_cut *cut) {
    const size_t lanes = f->kernels->fft_f64.lanes;
    const ptrdiff_t batch = 2 * (ptrdiff_t)lanes, n = cut->down ? f->out_h : f->out_w,
                    lines = cut->down ? f->out_w : f->out_h, width = cut->down ? f->channels : 1;
    cut->length = length;
    cut->width = (size_t)width;
    cut->outs = fc_min((ptrdiff_t)(length - cut->taps) + 1, n);
    cut->segments = fc_ceil_div(n, cut->outs);
    cut->across = fc_min(fc_max(batch / width, 1), lines);
    cut->along = fc_min(fc_max(batch / (cut->across * width), 1), cut->segments);
    cut->strips = fc_ceil_div(lines, cut->across);
    cut->stretches = fc_ceil_div(cut->segments, cut->along);
    const ptrdiff_t apart = cut->down ? 1 : f->channels;
    cut->tasks = (size_t)(cut->strips * cut->stretches * apart);
    const double batches = (double)fc_ceil_div(cut->across * cut->along * width, batch);
    cut->cycles = ((double)cut->tasks * batches + 1) * batch_cycles(lanes, length, log2((double)length));
}

int fc_line_plan(const fc_filter *f, fc_line_cut *best) {
    enum { MULTIPLE = 16 };
    static const size_t ODD[] = {1, 3, 9};
    const int down = f->k_w == 1;
    const size_t taps = (size_t)(down ? f->k_h : f->k_w);
    best->cycles = -1;
    if ((f->work != FC_F32 && f->work != FC_F64) || (f->k_h > 1 && f->k_w > 1) || taps > FC_FFT_MOST / 2)
        return 0;
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++)
        for (size_t length = ODD[i] * MULTIPLE; length <= FC_FFT_MOST; length *= 2) {
            fc_line_cut cut = {.down = down, .taps = taps};
            if (length < FC_FFT_LEAST || length < taps)
                continue;
            cut_into(f, length, &cut);
            if (best->cycles < 0 || cut.cycles < best->cycles)
                *best = cut;
        }
    return best->cycles >= 0;
}
