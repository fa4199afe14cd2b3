/* SPDX-License-Identifier: MIT */
/*
 * Coefficients of body/math.h, lowest power first, computed with mpmath at 50 digits. Relative error of the function
 * they serve, before rounding: float32 below 2e-8, float64 below 4e-17.
 *   exp_tail     (exp(r) - 1 - r) / r^2 for |r| <= ln2 / 2 and a little more: Remez, error weighted by r
 *   log1p_tail   (2 atanh(s) - 2 s) / s^3 as a polynomial in s^2, s^2 <= 0.0296: Remez
 *   normal_tail  (a + 4) Q(a) exp(a^2 / 2), Q the upper tail of the normal distribution, as a polynomial in
 *                (a - 4) / (a + 4), 0 <= a <= 14.5 (39 for float64): Chebyshev interpolation
 */
static const float vf32_exp_tail[] = {
    5.0e-01f, 1.6666469e-01f, 4.1666053e-02f, 8.375432e-03f, 1.3961508e-03f
};
static const double vf64_exp_tail[] = {
    0.5000000000000007, 0.1666666666666669, 0.041666666666558314, 0.008333333333311385, 0.0013888888937695844,
    0.00019841269910798816, 2.4801497786011862e-05, 2.7557220452402837e-06, 2.762905679402711e-07,
    2.5116985840739464e-08
};
static const float vf32_log1p_tail[] = {
    6.6666764e-01f, 3.9978477e-01f, 2.985161e-01f
};
static const double vf64_log1p_tail[] = {
    0.66666666666667, 0.3999999999960473, 0.28571428705875207, 0.2222220189718939, 0.18183408412452648,
    0.15317693951527828, 0.14762362006112828
};
static const float vf32_normal_tail[] = {
    7.5528514e-01f, -6.078966e-01f, 3.8713667e-01f, -1.86523e-01f, 6.040647e-02f, -7.527213e-03f, -3.523574e-03f,
    1.5693137e-03f, 1.9480185e-04f, -1.2298315e-04f
};
static const double vf64_normal_tail[] = {
    0.7552851304157515, -0.6078966419718917, 0.38713740074221886, -0.18652185795969417, 0.06039657489069947,
    -0.007540188965593059, -0.0034796923622425332, 0.0016308184418903596, 0.00013334425401904912,
    -0.0002310948183193762, -1.9078665316613576e-06, 3.5144181157760973e-05, 7.150055959216099e-07,
    -5.918892731763236e-06, -6.25132104047868e-07, 1.0198048518135172e-06, 2.6368248576407624e-07,
    -1.5426320536771075e-07, -7.63808205349045e-08, 1.457859334703646e-08, 1.392402399350171e-08,
    7.26954547902669e-11, -9.653425420228504e-10
};
