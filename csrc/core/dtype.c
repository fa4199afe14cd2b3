/* SPDX-License-Identifier: MIT */
#include "core/dtype.h"

#include <stdint.h>
#include <string.h>

#include "core/dispatch.h"

enum { PIECE = 512 }; /* numbers on the way through float, in L1 */

static void to_double(fc_convert_fn *widen, const void *src, void *dst, size_t n) {
    float piece[PIECE];
    const char *from = src;
    double *to = dst;
    for (size_t i = 0, some; i < n; i += some) {
        some = n - i < PIECE ? n - i : PIECE;
        if (widen)
            widen(from + i * sizeof(uint16_t), piece, some);
        else
            memcpy(piece, from + i * sizeof(float), some * sizeof(float));
        for (size_t k = 0; k < some; k++)
            to[i + k] = piece[k];
    }
}

static void from_double(fc_convert_fn *narrow, const void *src, void *dst, size_t n) {
    float piece[PIECE];
    const double *from = src;
    char *to = dst;
    for (size_t i = 0, some; i < n; i += some) {
        some = n - i < PIECE ? n - i : PIECE;
        for (size_t k = 0; k < some; k++)
            piece[k] = (float)from[i + k];
        if (narrow)
            narrow(piece, to + i * sizeof(uint16_t), some);
        else
            memcpy(to + i * sizeof(float), piece, some * sizeof(float));
    }
}

static void f16_to_f64(const void *src, void *dst, size_t n) { to_double(fc_active_kernels()->widen_f16, src, dst, n); }
static void bf16_to_f64(const void *src, void *dst, size_t n) {
    to_double(fc_active_kernels()->widen_bf16, src, dst, n);
}
static void f32_to_f64(const void *src, void *dst, size_t n) { to_double(NULL, src, dst, n); }
static void f64_to_f16(const void *src, void *dst, size_t n) {
    from_double(fc_active_kernels()->narrow_f16, src, dst, n);
}
static void f64_to_bf16(const void *src, void *dst, size_t n) {
    from_double(fc_active_kernels()->narrow_bf16, src, dst, n);
}
static void f64_to_f32(const void *src, void *dst, size_t n) { from_double(NULL, src, dst, n); }

fc_convert_fn *fc_to_double(fc_dtype dtype) {
    return dtype == FC_F16 ? f16_to_f64 : dtype == FC_BF16 ? bf16_to_f64 : dtype == FC_F32 ? f32_to_f64 : NULL;
}

fc_convert_fn *fc_from_double(fc_dtype dtype) {
    return dtype == FC_F16 ? f64_to_f16 : dtype == FC_BF16 ? f64_to_bf16 : dtype == FC_F32 ? f64_to_f32 : NULL;
}

size_t fc_dtype_size(fc_dtype dtype) {
    switch (dtype) {
    case FC_BOOL:
    case FC_I8:
    case FC_U8:
        return 1;
    case FC_I16:
    case FC_U16:
    case FC_F16:
    case FC_BF16:
        return 2;
    case FC_I32:
    case FC_U32:
    case FC_F32:
        return 4;
    case FC_I64:
    case FC_U64:
    case FC_F64:
    case FC_C64:
        return 8;
    case FC_C128:
        return 16;
    case FC_LONGDOUBLE:
        return sizeof(long double);
    case FC_CLONGDOUBLE:
        return 2 * sizeof(long double);
    case FC_DTYPE_COUNT:
        break;
    }
    return 0;
}
