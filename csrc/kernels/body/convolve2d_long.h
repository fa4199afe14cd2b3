/* SPDX-License-Identifier: MIT */
/* convolve2d on long double, which no vector unit knows; complex taps come as two planes, real parts first. */
static inline long double FC_NAME(load_longdouble)(const unsigned char *p) {
    long double x;
    memcpy(&x, p, sizeof x);
    return x;
}

static void FC_NAME(convolve2d_longdouble)(const fc_convolve2d_block *b) {
    const long double *taps = b->taps;
    const size_t size = sizeof(long double);
    for (size_t r = 0; r < b->n_rows; r++)
        for (size_t c = 0; c < b->n_cols; c++) {
            long double sum = 0;
            for (size_t j = 0; j < b->k_h; j++) {
                const unsigned char *x = (const unsigned char *)b->rows[r + j] + c * size;
                for (size_t k = 0; k < b->k_w; k++, x += b->step * size)
                    sum += taps[k * b->k_h + j] * FC_NAME(load_longdouble)(x);
            }
            memcpy((unsigned char *)b->out + (r * b->out_pitch + c) * size, &sum, size);
        }
}

static void FC_NAME(convolve2d_clongdouble)(const fc_convolve2d_block *b) {
    const long double *re_taps = b->taps, *im_taps = re_taps + b->k_h * b->k_w;
    const size_t size = sizeof(long double);
    for (size_t r = 0; r < b->n_rows; r++)
        for (size_t c = 0; c < b->n_cols; c++) {
            long double sum[2] = {0, 0};
            for (size_t j = 0; j < b->k_h; j++) {
                const unsigned char *x = (const unsigned char *)b->rows[r + j] + 2 * c * size;
                for (size_t k = 0; k < b->k_w; k++, x += 2 * b->step * size) {
                    long double re = FC_NAME(load_longdouble)(x), im = FC_NAME(load_longdouble)(x + size);
                    long double tap_re = re_taps[k * b->k_h + j], tap_im = im_taps[k * b->k_h + j];
                    sum[0] += tap_re * re - tap_im * im;
                    sum[1] += tap_re * im + tap_im * re;
                }
            }
            memcpy((unsigned char *)b->out + 2 * (r * b->out_pitch + c) * size, sum, sizeof sum);
        }
}
