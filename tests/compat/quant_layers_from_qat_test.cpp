// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/quant_layers_from_qat.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "octet/autograd/tape.h"
#include "support/error_text.h"

namespace octet {
namespace {

Tensor random_input(const Shape& shape, Rng& rng) {
  Tensor x = Tensor::empty(shape);
  for (float& v : x.mutable_values()) v = rng.normal();
  return x;
}

// x on the layer's grid, as the device operators take it.
deploy::Int8Tensor quantized(const QatModule& layer, const Tensor& x) {
  const ScaleOffset grid = layer.input_grid().grid;
  deploy::Int8Tensor q{x.shape(), {}};
  for (const float v : x.to_vector()) {
    const float integer = std::rint(v / grid.scale) + static_cast<float>(grid.offset);
    q.values.push_back(static_cast<std::int8_t>(std::fmin(std::fmax(integer, -128.0F), 127.0F)));
  }
  return q;
}

// A trained layer gives the same values as its int8 layer, up to the rounding of the bias to an integer.
void expect_alike(QatModule& layer, const std::function<deploy::QuantOutput(const deploy::Int8Tensor&)>& run,
                  const Shape& shape) {
  Rng rng(1);
  layer.forward(random_input(shape, rng));  // finds the clips
  layer.forward(random_input(shape, rng));
  layer.eval();
  const NoGrad no_grad;
  const Tensor x = random_input(shape, rng);
  const Tensor y = layer.forward(x);
  const deploy::QuantOutput ours = run(quantized(layer, x));
  EXPECT_EQ(ours.shape, y.shape());
  const std::vector<float> expected = y.to_vector();
  float step = 0.0F;
  const float input_scale = layer.input_grid().grid.scale;
  for (const float scale : layer.integers(input_scale).scales) step = std::fmax(step, scale * input_scale);
  ASSERT_EQ(ours.float32.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(ours.float32[i], expected[i], 0.5F * step + 1e-5F * std::fabs(expected[i])) << "element " << i;
}

TEST(QuantLayersFromQat, GiveWhatTheTrainedLayersGive) {
  Rng rng(2);
  Conv2dQAT conv({.in_channels = 4, .out_channels = 6, .kernel_size = 3, .stride = 2, .padding = 1, .groups = 2}, rng);
  expect_alike(conv, [&](const deploy::Int8Tensor& x) { return quant_conv2d_from_qat(conv, "float32").forward(x); },
               {2, 4, 7, 6});
  ConvTranspose2dQAT up({.in_channels = 4, .out_channels = 6, .kernel_size = 2, .stride = 2, .groups = 2}, rng);
  expect_alike(up,
               [&](const deploy::Int8Tensor& x) { return quant_conv_transpose2d_from_qat(up, "float32").forward(x); },
               {2, 4, 5, 3});
  LinearQAT fc({.in_features = 9, .out_features = 5}, rng);
  expect_alike(fc, [&](const deploy::Int8Tensor& x) { return quant_linear_from_qat(fc, "float32").forward(x); },
               {3, 9});
}

TEST(QuantLayersFromQat, NeedClips) {
  Rng rng(3);
  const Conv2dQAT conv({.in_channels = 4, .out_channels = 6, .kernel_size = 3}, rng);
  EXPECT_EQ(
      test::error_text([&] { quant_conv2d_from_qat(conv); }),
      "Conv2dQAT: its clips have not been found yet: it must see training (or calibration) data first, 1 batch in "
      "training mode");
}

}  // namespace
}  // namespace octet
