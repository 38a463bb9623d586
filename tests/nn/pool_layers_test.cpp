// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/pool_layers.h"

#include <gtest/gtest.h>

#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::same_bits;

Tensor image() {
  Rng rng(2);
  Tensor x = Tensor::empty({2, 3, 7, 6});
  for (float& value : x.mutable_values()) value = rng.normal();
  return x;
}

void expect_computes(Module& layer, const Tensor& expected) {
  EXPECT_TRUE(same_bits(layer(image()), expected)) << layer.type_name();
  EXPECT_TRUE(same_bits((*layer.clone())(image()), expected)) << layer.type_name() << ", cloned";
}

TEST(PoolLayers, ComputeWhatTheirOpsDo) {
  MaxPool2d max({.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true});
  AvgPool2d average({.kernel_size = {2, 3}, .padding = {1, 0}, .count_include_pad = false});
  AdaptiveAvgPool2d adaptive({.output_size = {3, 2}});
  Flatten all, channels({.start_dim = 1, .end_dim = 2});
  expect_computes(max, max_pool2d(image(), {.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true}));
  expect_computes(average, avg_pool2d(image(), {.kernel_size = {2, 3}, .padding = {1, 0}, .count_include_pad = false}));
  expect_computes(adaptive, adaptive_avg_pool2d(image(), {3, 2}));
  expect_computes(all, flatten(image()));
  expect_computes(channels, flatten(image(), 1, 2));
}

TEST(PoolLayers, TakeTheStrideInEveryForm) {
  const auto max = [](OptionalSize2 stride) {
    return MaxPool2d({.kernel_size = {3, 2}, .stride = stride})(image()).shape();
  };
  EXPECT_EQ(max({}), (Shape{2, 3, 2, 3})) << "as the kernel";
  EXPECT_EQ(max(2), (Shape{2, 3, 3, 3}));
  EXPECT_EQ(max({1, 2}), (Shape{2, 3, 5, 3}));
  EXPECT_EQ(MaxPool2d({.kernel_size = 2, .stride = {1, 2}})(image()).shape(), (Shape{2, 3, 6, 3}));
  EXPECT_EQ(AvgPool2d({.kernel_size = 2, .stride = {1, 2}})(image()).shape(), (Shape{2, 3, 6, 3}));
}

TEST(PoolLayers, NameTheOptionThatIsWrong) {
  EXPECT_EQ(error_text([] { MaxPool2d({.kernel_size = 0}); }),
            "MaxPool2d: kernel_size must be positive (kernel_size 0x0)");
  EXPECT_EQ(error_text([] { MaxPool2d({.kernel_size = 2, .stride = 0}); }),
            "MaxPool2d: stride must be positive (stride 0x0)");
  EXPECT_EQ(error_text([] { MaxPool2d({.kernel_size = 2, .padding = 2}); }),
            "MaxPool2d: padding must be at most half the kernel_size (padding 2x2, kernel_size 2x2)");
  EXPECT_EQ(error_text([] {
              MaxPool2d({.kernel_size = 2, .dilation = {1, 0}});
            }),
            "MaxPool2d: dilation must be positive (dilation 1x0)");
  EXPECT_EQ(error_text([] { AvgPool2d({.kernel_size = 2, .padding = -1}); }),
            "AvgPool2d: padding must not be negative (padding -1x-1)");
  EXPECT_EQ(error_text([] {
              AdaptiveAvgPool2d({.output_size = {1, 0}});
            }),
            "AdaptiveAvgPool2d: output_size must be positive (output_size 1x0)");
}

}  // namespace
}  // namespace octet
