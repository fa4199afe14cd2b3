/* SPDX-License-Identifier: MIT */
/* The activations, one value at a time in long double: what csrc/check holds the kernels against. */
#ifndef FC_REF_ACTIVATION_H
#define FC_REF_ACTIVATION_H

#include "fastconv_relu.h"
#include "fastconv_types.h"

long double fc_ref_activation(fc_activation activation, long double alpha, long double x);
long double fc_ref_derivative(fc_activation activation, long double alpha, long double x);
/* From y = f(x); only where fc_activation_from_output says so. */
long double fc_ref_derivative_from_output(fc_activation activation, long double alpha, long double y);
/* The g of those that are f(x) = x g(x): the scale of their derivative's rounding errors. Else 0. */
long double fc_ref_gate(fc_activation activation, long double x);

double fc_ref_relu(const fc_relu_params *p, double x);
/* Its derivative. */
double fc_ref_relu_slope(const fc_relu_params *p, double x);

#endif
