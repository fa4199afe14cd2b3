// SPDX-License-Identifier: MIT
// A convolutional layer, its kernel packed once, in C++: c++ -std=c++17 layer.cpp $(pkg-config --cflags --libs
// fastconv)
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <vector>

#include <fastconv.h>

namespace {
void check(fc_status status) {
    if (status != FC_OK)
        throw std::runtime_error(fc_status_text(status));
}
} // namespace

int main() try {
    check(fc_init());
    fc_conv2d_params layer{};
    layer.dtype = layer.kernel_dtype = FC_F32;
    layer.layout = FC_NHWC;
    layer.n = 1;
    layer.h = layer.w = 5;
    layer.c_in = 1;
    layer.c_out = 2;
    layer.k_h = layer.k_w = 3;
    layer.stride_h = layer.stride_w = layer.dilation_h = layer.dilation_w = layer.groups = 1;
    const std::vector<float> kernel(3 * 3 * 1 * 2, 1.0f), bias{0.0f, 10.0f}, x(5 * 5, 2.0f);
    std::vector<float> y(3 * 3 * 2);
    fc_conv2d_prepared *packed = nullptr;
    check(fc_conv2d_prepare(&layer, kernel.data(), bias.data(), &packed));
    const std::unique_ptr<fc_conv2d_prepared, decltype(&fc_conv2d_free)> owner(packed, fc_conv2d_free);
    check(fc_conv2d_run(packed, &layer, x.data(), y.data()));
    std::printf("%g %g\n", y[0], y[1]);
} catch (const std::exception &error) {
    std::fprintf(stderr, "fastconv: %s\n", error.what());
    return 1;
}
