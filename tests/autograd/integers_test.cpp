// SPDX-License-Identifier: Apache-2.0
// Int8 layers against the same layers with fake quantization in float: the path that defines what they must give.
#include "octet/autograd/integers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/rng.h"
#include "support/quantized_forward.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using kernels::ClippedGrid;

Tensor random_activation(const Shape& shape, Rng& rng, float mean = 0.0F) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& v : values) v = mean + rng.normal();
  return shape.size() == 4 ? Tensor::from_nhwc(shape, values) : Tensor::from_values(shape, values);
}

ClippedGrid grid_between(float min, float max) {
  const float scale = (max - min) / 255.0F;
  return {{scale, -128.0F + std::rint(-min / scale), -128.0F, 127.0F}, max, min};
}

// A weight on a grid with one scale per output channel, as floats and (in int8) as integers.
Tensor quantized_weight(const Shape& shape, Rng& rng) {
  const std::int64_t outputs = shape[0], run = element_count(shape) / outputs;
  kernels::Buffer q(outputs * run);
  auto* const integers = static_cast<std::int8_t*>(q.data());
  for (std::int64_t i = 0; i < outputs * run; ++i)
    integers[i] = static_cast<std::int8_t>(static_cast<int>(rng.below(255)) - 127);
  std::vector<float> scales;
  for (std::int64_t c = 0; c < outputs; ++c) scales.push_back(rng.uniform(0.001F, 0.004F));
  Tensor w = make_integer_weight(shape, {std::move(q), {1, 1, outputs, run}, scales});
  if (quantized_forward() == QuantizedForward::kFloat) w = w.clone();
  return w.set_requires_grad();
}

// What a network computed: its result, then the gradients of its inputs.
using Results = std::vector<Tensor>;

Results results(const Tensor& y, std::vector<Tensor> inputs, std::uint64_t seed = 9) {
  Rng rng(seed);
  Tensor dy = Tensor::empty(y.shape(), y.layout());
  for (float& v : dy.mutable_values()) v = rng.normal();
  y.backward(dy);
  Results all{y.detach()};
  for (const Tensor& input : inputs) all.push_back(input.grad());
  return all;
}

// Every tensor against the largest of its values.
void expect_near(const Results& ours, const Results& oracle, double tolerance) {
  ASSERT_EQ(ours.size(), oracle.size());
  for (std::size_t t = 0; t < ours.size(); ++t) {
    ASSERT_TRUE(ours[t].defined() && oracle[t].defined()) << "tensor " << t;
    const std::vector<float> a = ours[t].to_vector(), b = oracle[t].to_vector();
    double largest = 1e-6;
    for (const float v : b) largest = std::max(largest, static_cast<double>(std::fabs(v)));
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], b[i], tolerance * largest) << "tensor " << t << ", element " << i;
  }
}

void expect_int8_agrees_with_float(const std::function<Results()>& network, double tolerance = 2e-5) {
  Results oracle;
  {
    const test::ForwardIn fake_quantization(QuantizedForward::kFloat);
    oracle = network();
  }
  expect_near(network(), oracle, tolerance);
  test::expect_same_bits_on_any_number_of_threads(network);
}

Results one_convolution() {
  Rng rng(1);
  Tensor x = random_activation({3, 5, 9, 7}, rng), w = quantized_weight({8, 5, 3, 3}, rng);
  Tensor bias = Tensor::full({8}, 0.25F), max = Tensor::scalar(1.5F), min = Tensor::scalar(-1.0F);
  for (Tensor* t : {&x, &bias, &max, &min}) t->set_requires_grad();
  const Tensor xq = quantize_activation("Test", x, max, min, grid_between(-1.0F, 1.5F), Readers::kMany);
  return results(conv2d(xq, w, bias, {.stride = 2, .padding = 1}), {x, w, bias, max, min});
}

TEST(Integers, ConvolutionAgreesWithFakeQuantization) { expect_int8_agrees_with_float(one_convolution); }

TEST(Integers, FirstLayersClipsLearnWithoutTheGradientOfItsInput) {
  for (const bool beyond : {true, false})
    expect_int8_agrees_with_float([&] {
      Rng rng(2);
      const Tensor x = random_activation({4, 3, 10, 10}, rng);
      const float clip = beyond ? 1.25F : 6.0F;
      Tensor w = quantized_weight({8, 3, 3, 3}, rng), max = Tensor::scalar(clip), min = Tensor::scalar(-clip);
      max.set_requires_grad();
      min.set_requires_grad();
      const Tensor xq = quantize_activation("Test", x, max, min, grid_between(-clip, clip), Readers::kMany);
      return results(conv2d(xq, w, Tensor(), {.padding = 1}), {w, max, min});
    });
}

TEST(Integers, TransposedConvolutionAgreesWithFakeQuantization) {
  expect_int8_agrees_with_float([] {
    Rng rng(3);
    Tensor x = random_activation({2, 4, 5, 6}, rng), max = Tensor::scalar(2.0F);
    x.set_requires_grad();
    max.set_requires_grad();
    Tensor w = quantized_weight({1, 4 * 3 * 2 * 2}, rng);  // one scale
    const float scale = 0.002F;
    kernels::Buffer q(4 * 3 * 2 * 2);
    for (int i = 0; i < 48; ++i) static_cast<std::int8_t*>(q.data())[i] = static_cast<std::int8_t>(5 * i - 120);
    w = make_integer_weight({4, 3, 2, 2}, {std::move(q), {1, 4, 3, 4}, {scale, scale, scale}});
    if (quantized_forward() == QuantizedForward::kFloat) w = w.clone();
    w.set_requires_grad();
    const Tensor xq = quantize_activation("Test", x, max, Tensor(), grid_between(0.0F, 2.0F), Readers::kMany);
    return results(conv_transpose2d(xq, w, Tensor(), {.stride = 2, .padding = 1, .output_padding = 1}), {x, w, max});
  });
}

TEST(Integers, LinearLayerAgreesWithFakeQuantization) {
  expect_int8_agrees_with_float([] {
    Rng rng(4);
    Tensor x = random_activation({37, 19}, rng), max = Tensor::scalar(1.5F), min = Tensor::scalar(-2.0F);
    for (Tensor* t : {&x, &max, &min}) t->set_requires_grad();
    const Tensor w = quantized_weight({10, 19}, rng);
    const Tensor xq = quantize_activation("Test", x, max, min, grid_between(-2.0F, 1.5F), Readers::kMany);
    return results(linear(xq, w, Tensor::full({10}, -1.0F)), {x, w, max, min});
  });
}

struct Norm {
  Tensor gamma, beta, mean, variance;

  explicit Norm(std::int64_t channels)
      : gamma(Tensor::full({channels}, 1.25F)),
        beta(Tensor::full({channels}, 0.25F)),
        mean(Tensor::zeros({channels})),
        variance(Tensor::full({channels}, 1.0F)) {
    gamma.set_requires_grad();
    beta.set_requires_grad();
  }
  Tensor operator()(const Tensor& x, bool training = true) const {
    return batch_norm(x, gamma, beta, mean, variance, {.training = training});
  }
};

// conv, batch norm, ReLU, quantizer, conv: quantizing is one pass with what comes before it, forwards and backwards.
// `channels` that are no divisor of 64 take the padded loops.
Results two_convolutions(std::int64_t channels, bool training) {
  Rng rng(5);
  Tensor x = random_activation({3, 6, 8, 8}, rng), max = Tensor::scalar(1.75F), min = Tensor::scalar(-0.75F);
  for (Tensor* t : {&x, &max, &min}) t->set_requires_grad();
  const Tensor w1 = quantized_weight({channels, 6, 3, 3}, rng), w2 = quantized_weight({7, channels, 3, 3}, rng);
  const Norm norm(channels);
  const Tensor xq = quantize_activation("Test", x, Tensor(), Tensor(), grid_between(-2.0F, 2.0F), Readers::kMany);
  const Tensor h = norm(conv2d(xq, w1, Tensor::full({channels}, 0.5F), {.padding = 1}), training);
  const Tensor hq = quantize_activation("Test", relu(h), max, Tensor(), grid_between(0.0F, 1.75F), Readers::kMany);
  Results all = results(conv2d(hq, w2, Tensor(), {}), {x, w1, w2, norm.gamma, norm.beta, max});
  all.insert(all.end(), {norm.mean, norm.variance});
  return all;
}

// Rounding to integers turns differences in the last bit into steps of the grid: of 1/255 of the range, now and then.
constexpr double kSteps = 1e-2;

TEST(Integers, QuantizingOnTheWayAgreesWithFakeQuantization) {
  for (const std::int64_t channels : {16, 12}) {
    expect_int8_agrees_with_float([=] { return two_convolutions(channels, true); }, kSteps);
    expect_int8_agrees_with_float([=] { return two_convolutions(channels, false); }, kSteps);
  }
}

// A block whose input every reader sees quantized, the shortcut too.
Results residual_block(Readers readers) {
  Rng rng(6);
  Tensor x = random_activation({3, 8, 8, 8}, rng), max = Tensor::scalar(1.5F), max2 = Tensor::scalar(2.5F);
  for (Tensor* t : {&x, &max, &max2}) t->set_requires_grad();
  const Tensor w1 = quantized_weight({8, 8, 3, 3}, rng), w2 = quantized_weight({5, 8, 1, 1}, rng);
  const Norm norm(8);
  const Tensor xq = quantize_activation("Test", x, max, Tensor(), grid_between(0.0F, 1.5F), Readers::kMany);
  const Tensor block = relu(norm(conv2d(xq, w1, Tensor(), {.padding = 1})) + xq);
  const Tensor yq = quantize_activation("Test", block, max2, Tensor(), grid_between(0.0F, 2.5F), readers);
  return results(conv2d(yq, w2, Tensor(), {}), {x, w1, w2, norm.gamma, norm.beta, max, max2});
}

TEST(Integers, ShortcutsReadQuantizedValues) {
  for (const Readers readers : {Readers::kOne, Readers::kMany})
    expect_int8_agrees_with_float([=] { return residual_block(readers); }, kSteps);
}

TEST(Integers, FloatsAreMadeForWhoeverReadsThem) {
  Rng rng(7);
  const Tensor x = random_activation({1, 2, 3, 3}, rng);
  const Tensor xq = quantize_activation("Test", x, Tensor(), Tensor(), grid_between(-1.0F, 1.0F), Readers::kMany);
  const ActivationIntegers* const integers = activation_integers(xq);
  ASSERT_NE(integers, nullptr);
  for (std::size_t i = 0; i < 18; ++i)
    EXPECT_EQ(xq.values()[i],
              static_cast<float>(integers->data()[i] - integers->scale.zero_point) * integers->scale.scale);
}

TEST(Integers, WritingToATensorDropsThem) {
  Rng rng(8);
  Tensor w = quantized_weight({2, 3}, rng);
  const std::vector<float> before = w.to_vector();
  w.mutable_values()[0] = 7.0F;
  EXPECT_EQ(weight_integers(w), nullptr);
  EXPECT_EQ(w.values()[0], 7.0F);
  EXPECT_EQ(w.values()[1], before[1]);
}

// Its scales are those of its rows.
TEST(Integers, OfAWeightEndAtAnotherShape) {
  Rng rng(8);
  const Tensor w = quantized_weight({8, 4}, rng), x = random_activation({3, 8}, rng);
  const Tensor xq = quantize_activation("Test", x, Tensor(), Tensor(), grid_between(-1.0F, 1.0F), Readers::kMany);
  const Tensor other = reshape(w, {4, 8});
  EXPECT_EQ(weight_integers(other), nullptr);
  const std::vector<float> expected = linear(xq.clone(), Tensor::from_values({4, 8}, w.to_vector()), {}).to_vector();
  EXPECT_EQ(linear(xq, other, {}).to_vector(), expected);
}

TEST(Integers, APendingResultCanBeLookedAtWithoutKeepingIt) {
  Rng rng(9);
  const Norm norm(6);
  const Tensor y = relu(norm(random_activation({3, 6, 150, 140}, rng)));  // several pieces
  std::vector<float> seen;
  int pieces = 0;
  visit_values(y, [&](std::span<const float> values) {
    seen.insert(seen.end(), values.begin(), values.end());
    ++pieces;
  });
  EXPECT_GT(pieces, 1);
  EXPECT_EQ(seen, std::vector<float>(y.values().begin(), y.values().end()));
}

TEST(Integers, ASumThatReadsAParameterIsComputedAtOnce) {
  Rng rng(10);
  const Norm norm(4);
  Tensor p = random_activation({2, 4, 3, 3}, rng);
  p.set_requires_grad();
  const Tensor x = random_activation({2, 4, 3, 3}, rng);
  const Tensor y = norm(x) + p;
  p.mutable_values()[0] += 100.0F;
  EXPECT_LT(y.values()[0], 50.0F);
}

}  // namespace
}  // namespace octet
