// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/conv_layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "support/error_text.h"
#include "support/golden_json.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::same_bits;

Tensor random(const Shape& shape, std::uint64_t seed = 5) {
  Rng rng(seed);
  Tensor x = Tensor::empty(shape);
  for (float& value : x.mutable_values()) value = rng.normal();
  return x;
}

std::string conv_error(const Conv2d::Options& options) {
  Rng rng(1);
  return error_text([&] { Conv2d(options, rng); });
}

std::string transpose_error(const ConvTranspose2d::Options& options) {
  Rng rng(1);
  return error_text([&] { ConvTranspose2d(options, rng); });
}

float largest(const Tensor& t) {
  float largest = 0;
  for (const float value : t.values()) largest = std::max(largest, std::abs(value));
  return largest;
}

TEST(Conv2d, HasPyTorchsShapesAndInitialRange) {
  Rng rng(1);
  const Conv2d conv({.in_channels = 8, .out_channels = 6, .kernel_size = {3, 5}, .groups = 2}, rng);
  EXPECT_EQ(conv.weight().shape(), (Shape{6, 4, 3, 5}));
  EXPECT_EQ(conv.weight().layout(), Layout::kRowMajor);
  EXPECT_EQ(conv.bias().shape(), (Shape{6}));
  const float bound = 1.0F / std::sqrt(4.0F * 15.0F);
  EXPECT_LE(largest(conv.weight()), bound);
  EXPECT_GT(largest(conv.weight()), 0.9F * bound);
  EXPECT_LE(largest(conv.bias()), bound);
  EXPECT_GT(largest(conv.bias()), 0.0F);
}

TEST(Conv2d, ComputesWhatPyTorchDoesInEveryPaddingMode) {
  const std::map<std::string, PaddingMode> modes = {{"zeros", PaddingMode::kZeros},
                                                    {"reflect", PaddingMode::kReflect},
                                                    {"replicate", PaddingMode::kReplicate},
                                                    {"circular", PaddingMode::kCircular}};
  const nlohmann::json cases = test::load_golden("pytorch_ops.json")["conv2d"];
  EXPECT_FALSE(cases.empty());
  for (const nlohmann::json& golden : cases) {
    Rng rng(1);
    Conv2d conv({.in_channels = 2,
                 .out_channels = 3,
                 .kernel_size = {3, 5},
                 .stride = golden["stride"].get<std::int64_t>(),
                 .padding = {1, 2},
                 .padding_mode = modes.at(golden["padding_mode"])},
                rng);
    const auto values = [&](const char* key) { return golden[key]["values"].get<std::vector<float>>(); };
    Tensor weight = conv.weight(), bias = conv.bias();
    std::ranges::copy(values("weight"), weight.mutable_values().begin());
    std::ranges::copy(values("bias"), bias.mutable_values().begin());
    const std::vector<float> y = conv(Tensor::from_nchw({1, 2, 4, 6}, values("x"))).to_nchw(), expected = values("y");
    ASSERT_EQ(y.size(), expected.size());
    for (std::size_t i = 0; i < y.size(); ++i)
      EXPECT_NEAR(y[i], expected[i], 2e-5) << golden["padding_mode"] << ' ' << i;
  }
}

TEST(Conv2d, PaddingSameKeepsTheSizeAndPaddingValidAddsNothing) {
  Rng rng(1);
  Conv2d same({.in_channels = 1, .out_channels = 1, .kernel_size = {3, 2}, .padding = "same", .dilation = {2, 2}}, rng);
  EXPECT_EQ(same(Tensor::zeros({1, 1, 7, 6})).shape(), (Shape{1, 1, 7, 6}));
  Conv2d valid({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = "valid"}, rng);
  EXPECT_EQ(valid(Tensor::zeros({1, 1, 7, 6})).shape(), (Shape{1, 1, 5, 4}));
}

TEST(Conv2d, ApplyTakesAnotherWeightOfTheSameShapeOnly) {
  Rng rng(1);
  Conv2d conv({.in_channels = 2, .out_channels = 3, .kernel_size = 1}, rng);
  const Tensor x = random({1, 2, 3, 3});
  EXPECT_TRUE(same_bits(conv.apply(x, conv.weight()), conv(x)));
  const Tensor zero = Tensor::zeros({3, 2, 1, 1}, Layout::kRowMajor);
  EXPECT_EQ(conv.apply(x, zero).to_nchw().front(), conv.bias().values()[0]);
  EXPECT_EQ(error_text([&] {
              conv.apply(x, Tensor::zeros({3, 2, 3, 3}, Layout::kRowMajor));
            }),
            "apply: the weight must have the layer's shape (given [3, 2, 3, 3], the layer's [3, 2, 1, 1])");
}

TEST(Conv2d, CloneComputesTheSame) {
  Rng rng(1);
  Conv2d conv({.in_channels = 2,
               .out_channels = 4,
               .kernel_size = 3,
               .stride = 2,
               .padding = 1,
               .groups = 2,
               .bias = false,
               .padding_mode = PaddingMode::kReflect},
              rng);
  const Tensor x = random({2, 2, 6, 5});
  EXPECT_TRUE(same_bits((*conv.clone())(x), conv(x)));
}

TEST(Conv2d, NamesTheOptionThatIsWrong) {
  const Conv2d::Options good{.in_channels = 4, .out_channels = 6, .kernel_size = 3};
  const auto with = [&](auto change) {
    Conv2d::Options options = good;
    change(options);
    return conv_error(options);
  };
  EXPECT_EQ(conv_error(good), "no error");
  EXPECT_EQ(with([](auto& o) { o.in_channels = 0; }), "Conv2d: in_channels must be positive (in_channels 0)");
  EXPECT_EQ(with([](auto& o) { o.out_channels = -1; }), "Conv2d: out_channels must be positive (out_channels -1)");
  EXPECT_EQ(with([](auto& o) { o.kernel_size = {3, 0}; }), "Conv2d: kernel_size must be positive (kernel_size 3x0)");
  EXPECT_EQ(with([](auto& o) { o.stride = 0; }), "Conv2d: stride must be positive (stride 0x0)");
  EXPECT_EQ(with([](auto& o) { o.dilation = {1, -2}; }), "Conv2d: dilation must be positive (dilation 1x-2)");
  EXPECT_EQ(with([](auto& o) { o.padding = -1; }), "Conv2d: padding must not be negative (padding -1x-1)");
  EXPECT_EQ(with([](auto& o) { o.groups = 0; }), "Conv2d: groups must be positive (groups 0)");
  EXPECT_EQ(with([](auto& o) { o.groups = 3; }), "Conv2d: groups must divide in_channels (groups 3, in_channels 4)");
  EXPECT_EQ(with([](auto& o) { o.groups = 4; }), "Conv2d: groups must divide out_channels (groups 4, out_channels 6)");
  EXPECT_EQ(with([](auto& o) { o.padding = "full"; }),
            "Conv2d: padding must be a size, \"same\" or \"valid\" (padding \"full\")");
  EXPECT_EQ(with([](auto& o) {
              o.padding = "same";
              o.stride = 2;
            }),
            "Conv2d: padding \"same\" needs stride 1 (stride 2x2)");
  EXPECT_EQ(with([](auto& o) {
              o.padding = "same";
              o.kernel_size = {3, 4};
            }),
            "Conv2d: padding \"same\" needs an even dilation * (kernel_size - 1) (kernel_size 3x4, dilation 1x1)");
}

TEST(ConvTranspose2d, HasPyTorchsShapesAndInitialRange) {
  Rng rng(1);
  ConvTranspose2d conv({.in_channels = 8, .out_channels = 6, .kernel_size = 3, .stride = 2, .groups = 2}, rng);
  EXPECT_EQ(conv.weight().shape(), (Shape{8, 3, 3, 3}));
  const float bound = 1.0F / std::sqrt(3.0F * 9.0F);
  EXPECT_LE(largest(conv.weight()), bound);
  EXPECT_GT(largest(conv.weight()), 0.9F * bound);
  EXPECT_EQ(conv.bias().shape(), (Shape{6}));
  EXPECT_EQ(conv(Tensor::zeros({1, 8, 4, 5})).shape(), (Shape{1, 6, 9, 11}));
}

TEST(ConvTranspose2d, ComputesWhatPyTorchDoes) {
  const nlohmann::json cases = test::load_golden("pytorch_ops.json")["conv_transpose2d"];
  EXPECT_FALSE(cases.empty());
  for (const nlohmann::json& golden : cases) {
    const Shape w = golden["weight"]["shape"].get<Shape>(), x = golden["x"]["shape"].get<Shape>();
    const auto size = [&](const char* key) { return golden[key].get<std::int64_t>(); };
    const auto values = [&](const char* key) { return golden[key]["values"].get<std::vector<float>>(); };
    Rng rng(1);
    ConvTranspose2d conv({.in_channels = w[0],
                          .out_channels = w[1] * size("groups"),
                          .kernel_size = {w[2], w[3]},
                          .stride = size("stride"),
                          .padding = size("padding"),
                          .output_padding = size("output_padding"),
                          .groups = size("groups"),
                          .dilation = size("dilation")},
                         rng);
    Tensor bias = conv.bias();
    std::ranges::copy(values("bias"), bias.mutable_values().begin());
    const Tensor y = conv.apply(Tensor::from_nchw(x, values("x")), Tensor::from_values(w, values("weight")));
    const std::vector<float> ours = y.to_nchw(), expected = values("y");
    ASSERT_EQ(ours.size(), expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], expected[i], 2e-5) << i;
    EXPECT_TRUE(same_bits((*conv.clone())(Tensor::from_nchw(x, values("x"))), conv(Tensor::from_nchw(x, values("x")))));
  }
}

TEST(ConvTranspose2d, NamesTheOptionThatIsWrong) {
  EXPECT_EQ(transpose_error({.in_channels = 4, .out_channels = 4, .kernel_size = 2, .stride = 2, .output_padding = 2}),
            "ConvTranspose2d: output_padding must be smaller than stride or dilation (output_padding 2x2, stride 2x2, "
            "dilation 1x1)");
  EXPECT_EQ(transpose_error({.in_channels = 4, .out_channels = 4, .kernel_size = 2, .padding = {0, -1}}),
            "ConvTranspose2d: padding must not be negative (padding 0x-1)");
  EXPECT_EQ(transpose_error({.in_channels = 4, .out_channels = 6, .kernel_size = 2, .groups = 4}),
            "ConvTranspose2d: groups must divide out_channels (groups 4, out_channels 6)");
  EXPECT_EQ(transpose_error({.in_channels = 4, .out_channels = 6, .kernel_size = 0}),
            "ConvTranspose2d: kernel_size must be positive (kernel_size 0x0)");
}

TEST(Linear, IsXTimesTheTransposedWeightPlusBias) {
  Rng rng(1);
  Linear layer({.in_features = 2, .out_features = 2}, rng);
  EXPECT_LE(largest(layer.weight()), 1.0F / std::sqrt(2.0F));
  Tensor weight = layer.weight(), bias = layer.bias();
  std::ranges::copy(std::vector<float>{1, 2, 3, 4}, weight.mutable_values().begin());
  std::ranges::copy(std::vector<float>{10, 20}, bias.mutable_values().begin());
  const Tensor x = Tensor::from_values({1, 2}, std::vector<float>{1, 1});
  EXPECT_EQ(layer(x).to_vector(), (std::vector<float>{13, 27}));
  EXPECT_TRUE(same_bits((*layer.clone())(x), layer(x)));
}

TEST(Linear, NamesTheOptionThatIsWrong) {
  Rng rng(1);
  EXPECT_EQ(error_text([&] { Linear({.in_features = 0, .out_features = 2}, rng); }),
            "Linear: in_features must be positive (in_features 0)");
  EXPECT_EQ(error_text([&] { Linear({.in_features = 2, .out_features = -2}, rng); }),
            "Linear: out_features must be positive (out_features -2)");
}

}  // namespace
}  // namespace octet
