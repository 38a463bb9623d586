// SPDX-License-Identifier: Apache-2.0
// The convolutions every implementation is checked on: one table for conv2d, one for conv_transpose2d.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"

namespace octet::test {

struct ConvCase {
  std::int64_t n = 2, in_channels = 3, out_channels = 4;
  Size2 size = 7, kernel = 3, stride = 1, padding = 0, dilation = 1, output_padding = 0;
  std::int64_t groups = 1;
  bool bias = true;

  Conv2dParams conv() const { return {stride, padding, dilation, groups}; }
  ConvTranspose2dParams transposed() const { return {stride, padding, dilation, output_padding, groups}; }
  Shape x_shape() const { return {n, in_channels, size.h, size.w}; }
  Shape conv_weight() const { return {out_channels, in_channels / groups, kernel.h, kernel.w}; }
  Shape transposed_weight() const { return {in_channels, out_channels / groups, kernel.h, kernel.w}; }
  /// Multiplications that the naive transposed convolution needs, and at most the naive convolution with stride 1.
  std::int64_t work() const {
    return n * in_channels * (size.h + 2 * padding.h) * (size.w + 2 * padding.w) * (out_channels / groups) * kernel.h *
           kernel.w;
  }
};

/// "n2_3to4_7x7_k3x3_s2x2_p1x1_g1": only what differs from the plainest convolution is said.
inline std::string name(const ConvCase& c) {
  std::ostringstream out;
  out << 'n' << c.n << '_' << c.in_channels << "to" << c.out_channels << '_' << c.size << "_k" << c.kernel;
  if (c.stride != Size2(1)) out << "_s" << c.stride;
  if (c.padding != Size2(0)) out << "_p" << c.padding;
  if (c.dilation != Size2(1)) out << "_d" << c.dilation;
  if (c.output_padding != Size2(0)) out << "_op" << c.output_padding;
  if (c.groups != 1) out << "_g" << c.groups;
  if (!c.bias) out << "_nobias";
  return out.str();
}

/// How GoogleTest shows a case.
inline void PrintTo(const ConvCase& c, std::ostream* out) { *out << name(c); }

// clang-format off
/// Options in every combination that kernels treat apart; sizes small enough for a naive reference.
inline std::vector<ConvCase> conv2d_cases() {
  return {
      {},
      {.padding = 1},
      {.stride = 2},
      {.stride = 2, .padding = 1},
      {.size = 8, .stride = 2, .padding = 1},
      {.dilation = 2},
      {.padding = 2, .dilation = 2},
      {.size = 9, .stride = 2, .padding = 3, .dilation = 3},
      {.stride = 3},
      {.size = 11, .stride = 4, .padding = 2},
      {.bias = false},
      // windows of other sizes
      {.kernel = 1},
      {.kernel = 1, .stride = 2},
      {.kernel = 1, .stride = 3, .padding = 2},
      {.kernel = 2, .stride = 2, .padding = 1},
      {.size = 8, .kernel = 4, .stride = 2, .padding = 1},
      {.size = 9, .kernel = 5, .padding = 2},
      {.size = 15, .kernel = 7, .stride = 2, .padding = 3, .bias = false},
      {.size = 3, .kernel = 5, .padding = 2},
      // rectangles
      {.kernel = {1, 3}, .padding = {0, 1}},
      {.kernel = {3, 1}, .padding = {1, 0}},
      {.size = {5, 9}, .kernel = {2, 5}, .stride = {1, 2}, .padding = {0, 2}},
      {.size = {9, 6}, .kernel = {3, 2}, .stride = {3, 1}, .padding = {2, 1}, .dilation = {2, 3}},
      {.size = {1, 13}, .kernel = {1, 4}, .stride = {1, 3}},
      {.size = {12, 1}, .kernel = {5, 1}, .stride = {2, 1}, .padding = {2, 0}},
      // padding beyond the kernel: windows that see zeros only
      {.size = 5, .padding = 4},
      {.size = 4, .kernel = 2, .stride = 2, .padding = {3, 5}},
      // size one
      {.n = 1, .in_channels = 1, .out_channels = 1, .size = 1, .kernel = 1},
      {.n = 1, .in_channels = 1, .out_channels = 1, .size = 1, .kernel = 3, .padding = 1},
      {.n = 5, .in_channels = 4, .out_channels = 1, .size = 3, .kernel = 3},
      // batches that no fixed number of slices divides
      {.n = 1, .padding = 1},
      {.n = 3, .padding = 1},
      {.n = 9, .in_channels = 4, .size = 5, .padding = 1},
      {.n = 17, .in_channels = 2, .size = 5, .stride = 2, .padding = 1},
      {.n = 17, .in_channels = 16, .out_channels = 16, .size = 5, .padding = 1, .bias = false},
      {.n = 33, .in_channels = 3, .out_channels = 5, .size = 4, .padding = 1},
      // channels around the vector width
      {.in_channels = 16, .out_channels = 16, .padding = 1},
      {.in_channels = 17, .out_channels = 16, .padding = 1},
      {.in_channels = 16, .out_channels = 17, .padding = 1},
      {.in_channels = 15, .out_channels = 33, .stride = 2, .padding = 1},
      {.n = 1, .in_channels = 1, .out_channels = 64, .kernel = 5, .padding = 2},
      {.n = 3, .in_channels = 64, .out_channels = 1, .padding = 1},
      {.n = 1, .in_channels = 32, .out_channels = 64, .size = 6, .stride = 2, .padding = 1, .bias = false},
      {.n = 2, .in_channels = 64, .out_channels = 64, .size = 5, .padding = 1},
      {.n = 3, .in_channels = 64, .out_channels = 130, .size = 4, .kernel = 1, .bias = false},
      {.n = 9, .in_channels = 100, .out_channels = 72, .size = 4, .kernel = 1, .stride = 2},
      // groups, depthwise, depthwise with a multiplier
      {.in_channels = 4, .out_channels = 6, .padding = 1, .groups = 2},
      {.in_channels = 32, .out_channels = 32, .stride = 2, .padding = 1, .groups = 2},
      {.in_channels = 48, .out_channels = 16, .size = 5, .padding = 1, .groups = 4, .bias = false},
      {.in_channels = 15, .out_channels = 9, .kernel = 1, .groups = 3},
      {.in_channels = 5, .out_channels = 5, .padding = 1, .groups = 5},
      {.n = 3, .in_channels = 16, .out_channels = 16, .stride = 2, .padding = 1, .groups = 16},
      {.n = 9, .in_channels = 33, .out_channels = 33, .size = 5, .kernel = 5, .padding = 2, .groups = 33, .bias = false},
      {.in_channels = 7, .out_channels = 14, .padding = 1, .groups = 7},
      {.in_channels = 16, .out_channels = 48, .padding = 2, .dilation = 2, .groups = 16},
      {.in_channels = 1, .out_channels = 3, .padding = 1},
  };
}

inline std::vector<ConvCase> conv_transpose2d_cases() {
  return {
      {.size = 5},
      {.size = 5, .padding = 1},
      {.size = 5, .stride = 2},
      {.size = 5, .stride = 2, .padding = 1},
      {.size = 5, .stride = 2, .padding = 1, .output_padding = 1},
      {.size = 5, .kernel = 4, .stride = 2, .padding = 1},
      {.size = 4, .kernel = 2, .stride = 2},
      {.size = 4, .kernel = 2, .stride = 3, .output_padding = 2},
      {.size = 5, .dilation = 2},
      {.size = 5, .padding = 2, .dilation = 2},
      {.size = 4, .stride = 2, .padding = 3, .dilation = 3},
      {.size = 5, .stride = 3, .padding = 1, .bias = false},
      // output padding beyond the stride, which dilation allows
      {.size = 4, .dilation = 2, .output_padding = 1},
      {.size = 4, .stride = 2, .padding = 1, .dilation = 3, .output_padding = 2},
      {.size = 4, .stride = {1, 3}, .dilation = {3, 1}, .output_padding = {2, 1}},
      // windows of other sizes
      {.kernel = 1},
      {.size = 4, .kernel = 1, .stride = 2},
      {.size = 4, .kernel = 1, .stride = 2, .output_padding = 1},
      {.size = 5, .kernel = 1, .stride = 3, .padding = 2, .output_padding = 2},
      {.size = 4, .kernel = 5, .padding = 2},
      {.size = 4, .kernel = 7, .stride = 2, .padding = 3, .output_padding = 1, .bias = false},
      // rectangles
      {.size = 5, .kernel = {1, 3}, .padding = {0, 1}},
      {.size = 5, .kernel = {3, 1}, .stride = {2, 1}, .padding = {1, 0}, .output_padding = {1, 0}},
      {.size = {3, 6}, .kernel = {2, 5}, .stride = {1, 2}, .padding = {0, 2}, .output_padding = {0, 1}},
      {.size = {4, 3}, .kernel = {3, 2}, .stride = {3, 1}, .padding = {2, 1}, .dilation = {2, 3}},
      {.size = {1, 7}, .kernel = {1, 4}, .stride = {1, 3}},
      {.size = {6, 1}, .kernel = {5, 1}, .stride = {2, 1}, .padding = {2, 0}},
      // padding that cuts whole stamps away
      {.size = 8, .kernel = 2, .padding = 3},
      {.size = 6, .kernel = 3, .stride = 2, .padding = {4, 1}},
      // size one
      {.n = 1, .in_channels = 1, .out_channels = 1, .size = 1, .kernel = 1},
      {.n = 1, .in_channels = 1, .out_channels = 1, .size = 1, .kernel = 3, .padding = 1},
      {.n = 5, .in_channels = 4, .out_channels = 1, .size = 1, .kernel = 4, .stride = 4},
      // batches that no fixed number of slices divides
      {.n = 1, .size = 4, .stride = 2, .padding = 1},
      {.n = 3, .size = 4, .stride = 2, .padding = 1},
      {.n = 9, .size = 4, .kernel = 4, .stride = 2, .padding = 1},
      {.n = 17, .in_channels = 2, .size = 3, .stride = 2, .padding = 1, .output_padding = 1},
      {.n = 17, .in_channels = 16, .out_channels = 16, .size = 4, .padding = 1, .bias = false},
      {.n = 33, .in_channels = 5, .out_channels = 3, .size = 3, .padding = 1},
      // channels around the vector width
      {.in_channels = 16, .out_channels = 16, .size = 5, .padding = 1},
      {.in_channels = 17, .out_channels = 16, .size = 5, .padding = 1},
      {.in_channels = 16, .out_channels = 17, .size = 4, .kernel = 4, .stride = 2, .padding = 1},
      {.in_channels = 33, .out_channels = 15, .size = 4, .stride = 2, .padding = 1},
      {.n = 1, .in_channels = 64, .out_channels = 1, .size = 5, .kernel = 5, .padding = 2},
      {.n = 3, .in_channels = 1, .out_channels = 64, .size = 5, .padding = 1},
      {.n = 1, .in_channels = 64, .out_channels = 32, .size = 4, .kernel = 4, .stride = 2, .padding = 1, .bias = false},
      {.n = 2, .in_channels = 64, .out_channels = 64, .size = 4, .stride = 2, .padding = 1, .output_padding = 1},
      {.n = 3, .in_channels = 130, .out_channels = 40, .size = 3, .kernel = 1},
      // groups, depthwise, depthwise with a multiplier
      {.in_channels = 4, .out_channels = 6, .size = 5, .padding = 1, .groups = 2},
      {.in_channels = 32, .out_channels = 32, .size = 4, .kernel = 4, .stride = 2, .padding = 1, .groups = 2},
      {.in_channels = 16, .out_channels = 48, .size = 4, .padding = 1, .groups = 4, .bias = false},
      {.in_channels = 5, .out_channels = 5, .size = 5, .padding = 1, .groups = 5},
      {.n = 3, .in_channels = 16, .out_channels = 16, .size = 4, .kernel = 4, .stride = 2, .padding = 1, .groups = 16},
      {.n = 9, .in_channels = 33, .out_channels = 33, .size = 3, .stride = 2, .padding = 1, .output_padding = 1, .groups = 33, .bias = false},
      {.in_channels = 7, .out_channels = 14, .size = 5, .padding = 1, .groups = 7},
      {.in_channels = 16, .out_channels = 48, .size = 4, .padding = 2, .dilation = 2, .groups = 16},
      {.in_channels = 15, .out_channels = 9, .size = 4, .kernel = 2, .stride = 2, .dilation = 2, .output_padding = 1, .groups = 3},
  };
}

/// Too large for the reference, large enough that work is shared: what the thread count could change shows here.
inline std::vector<ConvCase> threaded_conv_cases() {
  return {
      {.n = 17, .in_channels = 16, .out_channels = 32, .size = 16, .stride = 2, .padding = 1},
      {.n = 32, .in_channels = 16, .out_channels = 16, .size = 32, .padding = 1, .bias = false},
      {.n = 9, .in_channels = 3, .out_channels = 64, .size = 31, .kernel = 7, .stride = 2, .padding = 3},
      {.n = 3, .in_channels = 64, .out_channels = 128, .size = 14, .kernel = 1},
      {.n = 1, .in_channels = 128, .out_channels = 128, .size = 7, .padding = 1},
      {.n = 5, .in_channels = 64, .out_channels = 64, .size = 15, .padding = 1, .groups = 64},
      {.n = 7, .in_channels = 48, .out_channels = 32, .size = 13, .padding = 2, .dilation = 2, .groups = 4},
  };
}
// clang-format on

}  // namespace octet::test
