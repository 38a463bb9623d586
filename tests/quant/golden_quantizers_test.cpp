// SPDX-License-Identifier: Apache-2.0
// The quantizers against the vectors of the reference implementation: elements bit for bit, sums to 1e-5 of the sum of
// the absolute terms. Where a case rests on a quirk of the reference that this library does not have, the case is an
// exception, which the summary names, and what the library does instead is asserted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "octet/base/error.h"
#include "octet/quant/activation_quantizer.h"
#include "octet/quant/ifmr.h"
#include "octet/quant/scale_offset.h"
#include "octet/quant/ulq_activation.h"
#include "octet/quant/weight_quantizer.h"
#include "support/error_text.h"
#include "support/golden_qat_modules.h"
#include "support/golden_vectors.h"
#include "support/quantized_forward.h"
#include "support/reference_quant.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using nlohmann::json;
using test::equal_bits;
using test::error_text;
using test::golden_float;
using test::golden_floats;
using test::golden_number;
using test::GoldenReport;
using test::load_golden_vectors;
using test::near_sum;

Symmetry symmetry_of(const json& c) {
  return c.at("asymmetric").get<bool>() ? Symmetry::kAsymmetric : Symmetry::kSymmetric;
}

TEST(QuantGolden, ScaleAndOffsetOfARange) {
  const json file = load_golden_vectors("scale_offset.json");
  GoldenReport report("scale_offset.json");
  int row_number = 0;
  const auto check = [&](const json& row) {
    const std::vector<float> max = golden_floats(row.at("max")), min = golden_floats(row.at("min"));
    std::vector<float> scales, offsets;
    const std::string error = error_text([&] {
      for (std::size_t i = 0; i < max.size(); ++i) {
        const ScaleOffset found = scale_offset(max[i], min[i], row.at("num_bits").get<int>(), symmetry_of(row));
        scales.push_back(found.scale);
        offsets.push_back(static_cast<float>(found.offset));
      }
    });
    EXPECT_EQ(error != "no error", row.contains("error")) << error;
    if (row.contains("error")) return;
    EXPECT_TRUE(equal_bits(scales, golden_floats(row.at("scale"))));
    EXPECT_TRUE(equal_bits(offsets, golden_floats(row.at("offset"))));
  };
  for (const char* const rows : {"rows", "vector_rows"})
    for (const json& row : file.at(rows)) report.run(text("row ", row_number++), [&] { check(row); });
}

// A quantizer in the state that a case describes.
struct UlqCase {
  std::int64_t initialised = 0;
  ActivationQuantizer quantizer;

  explicit UlqCase(const json& c) : quantizer("Test", config(c), initialised) {
    initialised = 1;
    set(quantizer.state().clip_max, c.at("clip_max"));
    set(quantizer.state().clip_min, c.at("clip_min"));
    set(quantizer.state().clip_max_pre, c.at("clip_max_pre"));
    set(quantizer.state().clip_min_pre, c.at("clip_min_pre"));
    Tensor clip_max = quantizer.state().clip_max, clip_min = quantizer.state().clip_min;
    clip_max.set_requires_grad();
    clip_min.set_requires_grad();
  }

  static RetrainDataConfig config(const json& c) {
    return {.dst_type = static_cast<DstType>(c.at("num_bits").get<int>()),
            .fixed_min = c.at("fixed_min").get<bool>(),
            .asymmetric = c.at("asymmetric").get<bool>()};
  }
  static void set(Tensor tensor, const json& value) { tensor.mutable_values()[0] = golden_float(value); }
};

// Elements that may differ because the reference adds the offset before it rounds: x / scale is next to a tie. In 16
// bits its sum has so few bits left that half a unit in its last place is more than 1e-5.
bool is_near_tie(float x, float scale, float offset) {
  const double t = static_cast<double>(x / scale);
  const auto sum = static_cast<float>(t + static_cast<double>(offset));
  const double last_place = std::nextafter(std::fabs(sum), std::numeric_limits<float>::infinity()) - std::fabs(sum);
  return std::fabs(t - std::floor(t) - 0.5) <= std::max(1e-5, last_place / 2);
}

void check_output(GoldenReport& report, const Tensor& ours, const std::vector<float>& x, const json& expected) {
  const std::vector<float> y = ours.to_vector(), golden = golden_floats(expected.at("output"));
  const float scale = golden_float(expected.at("scale")), offset = golden_float(expected.at("offset"));
  ASSERT_EQ(y.size(), golden.size());
  int ties = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool same = std::memcmp(&y[i], &golden[i], sizeof(float)) == 0;
    const bool tie = is_near_tie(x[i], scale, offset) && std::fabs(y[i] - golden[i]) < 1.001F * scale;
    EXPECT_TRUE(same || tie) << "element " << i << ": x " << x[i] << ", ours " << y[i] << ", the golden " << golden[i];
    ties += !same && tie;
  }
  if (ties > 0)
    report.except(text(ties, " of ", y.size(), " elements next to a rounding tie: the offset is added after rounding"));
}

// Why a case shall differ from the reference, or "".
std::string ulq_exception(const json& c, const json& expected) {
  const float max = golden_float(c.at("clip_max")), min = golden_float(c.at("clip_min"));
  const float effective_min = c.at("fixed_min").get<bool>() ? 0.0F : min;
  if (max - effective_min <= kSmallestScale && max - effective_min != 0.0F && expected.contains("scale"))
    return "clips that cross or nearly meet are both restored; the reference looks for a difference of exactly 0 (Q5)";
  return "";
}

// Integers stand for the same numbers as fake quantization, but for -0, which they do not have.
void expect_same_numbers_from_integers(const json& c, const Tensor& x, const Tensor& y) {
  const test::ForwardIn int8(QuantizedForward::kInt8);
  UlqCase test(c);
  const std::vector<float> numbers = test.quantizer(x, StateUse::kUpdate).to_vector(), expected = y.to_vector();
  for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], expected[i]) << "element " << i;
}

void check_ulq(GoldenReport& report, const json& c) {
  const test::ForwardIn fake_quantization(QuantizedForward::kFloat);
  UlqCase test(c);
  const ActivationState& state = test.quantizer.state();
  Tensor x = test::golden_row_major(c.at("data"));
  x.set_requires_grad();
  if (c.contains("error")) {
    EXPECT_NE(error_text([&] { test.quantizer(x, StateUse::kUpdate); }).find("Test: "), std::string::npos);
    EXPECT_TRUE(equal_bits({state.clip_max.item()}, golden_floats(c.at("clip_max")))) << "an error changes nothing";
    return;
  }
  const json& expected = c.at("expected");
  const std::string exception = ulq_exception(c, expected);
  const Tensor y = test.quantizer(x, StateUse::kUpdate);
  if (!exception.empty()) {
    report.except(exception);
    EXPECT_TRUE(equal_bits({state.clip_max.item(), state.clip_min.item()},
                           {golden_float(c.at("clip_max_pre")), golden_float(c.at("clip_min_pre"))}));
    return;
  }
  check_output(report, y, x.to_vector(), expected);
  expect_same_numbers_from_integers(c, x, y);
  EXPECT_TRUE(equal_bits({state.scale.item()}, golden_floats(expected.at("scale"))));
  EXPECT_TRUE(equal_bits({state.offset.item()}, golden_floats(expected.at("offset"))));
  for (const Tensor& clip_max : {state.clip_max, state.clip_max_pre})
    EXPECT_TRUE(equal_bits({clip_max.item()}, golden_floats(expected.at("clip_max_out"))));
  for (const Tensor& clip_min : {state.clip_min, state.clip_min_pre})
    EXPECT_TRUE(equal_bits({clip_min.item()}, golden_floats(expected.at("clip_min_out"))));

  y.backward(test::golden_row_major(c.at("grad_output")));
  EXPECT_TRUE(equal_bits(x.grad().to_vector(), golden_floats(expected.at("grad_input"))));
  const test::ReferenceUlq reference = test::reference_ulq(
      {state.scale.item(), static_cast<int>(state.offset.item()), c.at("num_bits").get<int>()}, state.clip_max.item(),
      state.clip_min.item(), x.to_vector(), golden_floats(c.at("grad_output")));
  EXPECT_TRUE(near_sum(state.clip_max.grad().item(), golden_number(expected.at("grad_clip_max_f64")),
                       reference.clip_max.absolute));
  const double golden_min = golden_number(expected.at("grad_clip_min_f64"));
  if (c.at("fixed_min").get<bool>()) {
    EXPECT_FALSE(state.clip_min.grad().defined());
    report.except("a fixed minimum gets no gradient (Q8); all else agrees");
    EXPECT_TRUE(near_sum(reference.clip_min.value, golden_min, reference.clip_min.absolute));
  } else {
    EXPECT_TRUE(near_sum(state.clip_min.grad().item(), golden_min, reference.clip_min.absolute));
  }
}

TEST(QuantGolden, UlqActivations) {
  const json file = load_golden_vectors("ulq_activation.json");
  GoldenReport report("ulq_activation.json");
  for (const json& c : file.at("cases")) report.run(c.at("id").get<std::string>(), [&] { check_ulq(report, c); });
}

void check_ifmr(const json& c) {
  std::int64_t initialised = 0;
  ActivationQuantizer quantizer("Test",
                                {.dst_type = static_cast<DstType>(c.at("num_bits").get<int>()),
                                 .batch_num = c.at("batch_num").get<std::int64_t>()},
                                initialised);
  std::vector<bool> initialised_after_call;
  std::vector<float> values;
  const std::string error = error_text([&] {
    for (const json& batch : c.at("batches")) {
      const Tensor x = test::golden_activation(batch);
      EXPECT_TRUE(quantizer(x, StateUse::kUpdate).same_as(x)) << "observed, not quantized";
      initialised_after_call.push_back(quantizer.initialised());
      const std::vector<float> more = golden_floats(batch);
      values.insert(values.end(), more.begin(), more.end());
    }
  });
  EXPECT_EQ(error != "no error", c.contains("error")) << error;
  if (c.contains("error")) return;

  const json& expected = c.at("expected");
  EXPECT_EQ(initialised_after_call, expected.at("initialised_after_call").get<std::vector<bool>>());
  const ActivationState& state = quantizer.state();
  EXPECT_TRUE(equal_bits({state.scale.item()}, golden_floats(expected.at("scale"))));
  EXPECT_EQ(state.offset.item(), golden_float(expected.at("offset")));
  EXPECT_TRUE(equal_bits({state.clip_max.item()}, golden_floats(expected.at("clip_max"))));
  EXPECT_TRUE(equal_bits({state.clip_min.item()}, golden_floats(expected.at("clip_min"))));
  Ifmr ifmr(c.at("num_bits").get<int>());
  ifmr.add(values);
  const double loss = golden_number(expected.at("loss_min_f64"));
  EXPECT_TRUE(near_sum(ifmr.search().loss, loss, loss));
}

TEST(QuantGolden, IfmrClips) {
  const json file = load_golden_vectors("ifmr_init.json");
  const auto ratios = Ifmr::ratios();
  EXPECT_TRUE(equal_bits({ratios.begin(), ratios.end()}, golden_floats(file.at("search_ratios"))));
  GoldenReport report("ifmr_init.json");
  for (const json& c : file.at("cases")) report.run(c.at("id").get<std::string>(), [&] { check_ifmr(c); });
}

ChannelView view_of(const json& c) {
  return test::golden_view(c.at("layer_type").get<std::string>(), test::golden_shape(c.at("weight")),
                           c.at("groups").get<std::int64_t>());
}

// Integers stand for the same weights as fake quantization, but for -0.
void expect_same_weights_from_integers(WeightQuantizer& quantizer, const Tensor& w, bool first, ScaleForm form,
                                       const Tensor& y) {
  const test::ForwardIn int8(QuantizedForward::kInt8);
  const std::vector<float> numbers = quantizer(w, first, form, StateUse::kKeep).to_vector(), expected = y.to_vector();
  for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], expected[i]) << "element " << i;
}

void check_arq(const json& c) {
  const test::ForwardIn fake_quantization(QuantizedForward::kFloat);
  const ChannelView view = view_of(c);
  const int bits = c.at("num_bits").get<int>();
  Tensor w = test::golden_row_major(c.at("weight"));
  w.set_requires_grad();
  WeightQuantizer quantizer(
      "Test", {.dst_type = static_cast<DstType>(bits), .channel_wise = c.at("channel_wise").get<bool>()}, view);
  if (c.contains("error")) {
    EXPECT_EQ(error_text([&] { quantizer(w, true, ScaleForm::kScale, StateUse::kUpdate); }),
              text("Test: the weight has values that are not finite (weight ", w.shape(), ")"));
    return;
  }
  const json& expected = c.at("expected");
  const Tensor y = quantizer(w, true, ScaleForm::kScale, StateUse::kUpdate);
  EXPECT_TRUE(equal_bits(quantizer.stored_scales().to_vector(), golden_floats(expected.at("wts_scales"))));
  EXPECT_TRUE(equal_bits(y.to_vector(), golden_floats(expected.at("output"))));
  expect_same_weights_from_integers(quantizer, w, true, ScaleForm::kScale, y);

  // An integer times its scale tells the integer, because rint undoes the rounding of the product.
  std::vector<float> integers = y.to_vector();
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const std::vector<float> scales = quantizer.stored_scales().to_vector();
    const std::int64_t channel =
        test::golden_channel(c.at("layer_type").get<std::string>(), view, static_cast<std::int64_t>(i));
    integers[i] = std::rint(integers[i] / scales[scales.size() == 1 ? 0 : static_cast<std::size_t>(channel)]) + 0.0F;
  }
  EXPECT_TRUE(equal_bits(integers, golden_floats(expected.at("int_weight"))));

  y.backward(test::golden_row_major(c.at("grad_output")));
  EXPECT_TRUE(equal_bits(w.grad().to_vector(), golden_floats(expected.at("grad_weight"))));
}

TEST(QuantGolden, ArqWeights) {
  const json file = load_golden_vectors("arq_weight.json");
  GoldenReport report("arq_weight.json");
  for (const json& c : file.at("cases")) report.run(c.at("id").get<std::string>(), [&] { check_arq(c); });
}

// The sum of the absolute terms of each scale's gradient, which its tolerance is relative to.
std::vector<double> scale_gradient_terms(const json& c, const ChannelView& view, const std::vector<float>& scales) {
  const std::vector<float> w = golden_floats(c.at("weight")), dy = golden_floats(c.at("grad_output"));
  std::vector<double> terms(scales.size());
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::int64_t channel =
        test::golden_channel(c.at("layer_type").get<std::string>(), view, static_cast<std::int64_t>(i));
    const std::size_t k = scales.size() == 1 ? 0 : static_cast<std::size_t>(channel);
    const double s = static_cast<double>(scales[k]), t = static_cast<double>(w[i]) / s;
    const double d = t > 127 ? 127 : t < -128 ? -128 : std::rint(t) - t;
    terms[k] += std::fabs(d * static_cast<double>(dy[i])) * (c.at("s_rec_flag").get<bool>() ? s * s : 1.0) /
                std::sqrt(static_cast<double>(view.per_output()) * 127.0);
  }
  return terms;
}

void check_ulq_weight(const json& c) {
  const test::ForwardIn fake_quantization(QuantizedForward::kFloat);
  const ChannelView view = view_of(c);
  const ScaleForm form = c.at("s_rec_flag").get<bool>() ? ScaleForm::kReciprocal : ScaleForm::kScale;
  Tensor w = test::golden_row_major(c.at("weight"));
  w.set_requires_grad();
  WeightQuantizer quantizer("Test",
                            {.dst_type = static_cast<DstType>(c.at("num_bits").get<int>()),
                             .weights_retrain_algo = WeightsRetrainAlgo::kUlqRetrain,
                             .channel_wise = c.at("channel_wise").get<bool>()},
                            view);
  Tensor stored = quantizer.stored_scales();
  stored.set_requires_grad();
  std::ranges::copy(golden_floats(c.at("scale_in")), stored.mutable_values().begin());
  const bool first = c.at("arq_init").get<bool>();
  if (c.contains("error")) {
    EXPECT_NE(error_text([&] { quantizer(w, first, form, StateUse::kUpdate); }), "no error");
    return;
  }
  const json& expected = c.at("expected");
  const Tensor y = quantizer(w, first, form, StateUse::kUpdate);
  EXPECT_TRUE(equal_bits(stored.to_vector(), golden_floats(expected.at("scale_out"))));
  EXPECT_TRUE(equal_bits(y.to_vector(), golden_floats(expected.at("output"))));
  expect_same_weights_from_integers(quantizer, w, first, form, y);

  y.backward(test::golden_row_major(c.at("grad_output")));
  EXPECT_TRUE(equal_bits(w.grad().to_vector(), golden_floats(expected.at("grad_weight"))));
  const std::vector<double> golden = test::golden_doubles(expected.at("grad_scale_f64"));
  const std::vector<double> terms = scale_gradient_terms(c, view, effective_scales(stored.values(), form));
  const std::vector<float> ours = stored.grad().to_vector();
  ASSERT_EQ(ours.size(), golden.size());
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_TRUE(near_sum(ours[i], golden[i], terms[i])) << "scale " << i;
}

TEST(QuantGolden, UlqWeights) {
  const json file = load_golden_vectors("ulq_weight.json");
  GoldenReport report("ulq_weight.json");
  for (const json& c : file.at("cases")) report.run(c.at("id").get<std::string>(), [&] { check_ulq_weight(c); });
}

}  // namespace
}  // namespace octet
