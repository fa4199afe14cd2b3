/* SPDX-License-Identifier: MIT */
/* How kernels that take relu and a ceiling end a sum. */
#ifndef FC_KERNELS_REF_CLAMP_H
#define FC_KERNELS_REF_CLAMP_H

#define FC_REF_CLAMP(WIDE, F)                                                \
    static inline WIDE fc_ref_clamp_##F(WIDE sum, int relu, float ceiling) { \
        if (!relu)                                                           \
            return sum;                                                      \
        sum = sum < 0 ? 0 : sum;                                             \
        return ceiling && sum > ceiling ? ceiling : sum;                     \
    }
FC_REF_CLAMP(double, f32)
FC_REF_CLAMP(long double, f64)
#undef FC_REF_CLAMP

#endif
