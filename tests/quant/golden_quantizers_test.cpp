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
#include "octet/kernels/quantize/fake_quant.h"
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

using test::equal_bits;
using test::error_text;
using test::Golden;
using test::golden_float;
using test::golden_floats;
using test::golden_number;
using test::GoldenReport;
using test::near_sum;

Symmetry symmetry_of(const Golden& c) {
  return c.at("asymmetric").get<bool>() ? Symmetry::kAsymmetric : Symmetry::kSymmetric;
}
// Which kind of error it is, is not compared: there is one kind here.
bool is_refused(const Golden& c) { return c.contains("error") && !c.at("error").get<std::string>().empty(); }

void check_range(const Golden& row) {
  const std::vector<float> max = golden_floats(row.at("max")), min = golden_floats(row.at("min"));
  ASSERT_EQ(max.size(), min.size());
  std::vector<float> scales, offsets;
  const std::string error = error_text([&] {
    for (std::size_t i = 0; i < max.size(); ++i) {
      const ScaleOffset found = scale_offset(max[i], min[i], row.at("num_bits").get<int>(), symmetry_of(row));
      scales.push_back(found.scale);
      offsets.push_back(static_cast<float>(found.offset));
    }
  });
  EXPECT_EQ(error != "no error", is_refused(row)) << error;
  if (is_refused(row)) return;
  EXPECT_TRUE(equal_bits(scales, golden_floats(row.at("scale"))));
  EXPECT_TRUE(equal_bits(offsets, golden_floats(row.at("offset"))));
}

TEST(QuantGolden, ScaleAndOffsetOfARange) {
  GoldenReport report("scale_offset.json");
  report.each("rows", check_range);
  report.each("vector_rows", check_range);
}

// A quantizer in the state that a case describes.
struct UlqCase {
  std::int64_t initialised = 0;
  ActivationQuantizer quantizer;

  explicit UlqCase(const Golden& c) : quantizer("Test", config(c), initialised) {
    initialised = 1;
    set(quantizer.state().clip_max, c.at("clip_max"));
    set(quantizer.state().clip_min, c.at("clip_min"));
    set(quantizer.state().clip_max_pre, c.at("clip_max_pre"));
    set(quantizer.state().clip_min_pre, c.at("clip_min_pre"));
    Tensor clip_max = quantizer.state().clip_max, clip_min = quantizer.state().clip_min;
    clip_max.set_requires_grad();
    clip_min.set_requires_grad();
  }

  static RetrainDataConfig config(const Golden& c) {
    return {.dst_type = static_cast<DstType>(c.at("num_bits").get<int>()),
            .fixed_min = c.at("fixed_min").get<bool>(),
            .asymmetric = c.at("asymmetric").get<bool>()};
  }
  static void set(Tensor tensor, const Golden& value) { tensor.mutable_values()[0] = golden_float(value); }
};

// Elements that may differ because the reference adds the offset before it rounds: x / scale is next to a tie. In 16
// bits its sum has so few bits left that half a unit in its last place is more than 1e-5.
bool is_near_tie(float x, float scale, float offset) {
  const double t = static_cast<double>(x / scale);
  const auto sum = static_cast<float>(t + static_cast<double>(offset));
  const double last_place = std::nextafter(std::fabs(sum), std::numeric_limits<float>::infinity()) - std::fabs(sum);
  return std::fabs(t - std::floor(t) - 0.5) <= std::max(1e-5, last_place / 2);
}

// How many elements differ because they lie next to a tie; any other difference is a failure.
int ties_in(const Tensor& ours, const std::vector<float>& x, const Golden& expected) {
  EXPECT_TRUE(test::equal_shapes(ours, expected.at("output")));
  const std::vector<float> y = ours.to_vector(), golden = golden_floats(expected.at("output"));
  const float scale = golden_float(expected.at("scale")), offset = golden_float(expected.at("offset"));
  if (y.size() != golden.size()) return 0;
  int ties = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool same = std::memcmp(&y[i], &golden[i], sizeof(float)) == 0;
    const bool tie = is_near_tie(x[i], scale, offset) && std::fabs(y[i] - golden[i]) < 1.001F * scale;
    EXPECT_TRUE(same || tie) << "element " << i << ": x " << x[i] << ", ours " << y[i] << ", the golden " << golden[i];
    ties += !same && tie;
  }
  return ties;
}

// The clips that the reference quantizes with: both are restored at a difference of exactly 0, else one (Q5, Q6).
Clips reference_clips(const Golden& c) {
  Clips clips{golden_float(c.at("clip_max")), golden_float(c.at("clip_min"))};
  const Clips before{golden_float(c.at("clip_max_pre")), golden_float(c.at("clip_min_pre"))};
  if (c.at("fixed_min").get<bool>()) clips.min = 0.0F;
  if (clips.max - clips.min == 0.0F) return before;
  if (clips.max < 0.0F)
    clips.max = before.max;
  else if (clips.min > 0.0F)
    clips.min = before.min;
  return clips;
}

// Integers stand for the same numbers as fake quantization, but for -0, which they do not have.
void expect_same_numbers_from_integers(const Golden& c, const Tensor& x, const Tensor& y) {
  const test::ForwardIn int8(QuantizedForward::kInt8);
  UlqCase test(c);
  const std::vector<float> numbers = test.quantizer(x, StateUse::kUpdate).to_vector(), expected = y.to_vector();
  for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], expected[i]) << "element " << i;
}

void check_ulq_gradients(GoldenReport& report, const Golden& c, const Tensor& x, const ActivationState& state,
                         const UlqGrid& used) {
  const Golden expected = c.at("expected");
  EXPECT_TRUE(equal_bits(x.grad(), expected.at("grad_input")));
  const test::ReferenceUlq reference =
      test::reference_ulq({used.grid.scale, static_cast<int>(used.grid.offset), used.bits}, used.clips.max,
                          used.clips.min, x.to_vector(), golden_floats(c.at("grad_output")));
  const bool fixed = c.at("fixed_min").get<bool>();
  if (fixed) {
    EXPECT_FALSE(state.clip_min.grad().defined());
    report.except("fixed minimum", "all else agrees");
  }
  // The gradient that there would be is that of the oracle.
  const double clip_min = fixed ? reference.clip_min.value : static_cast<double>(state.clip_min.grad().item());
  for (const std::string precision : {"", "_f64"}) {
    EXPECT_TRUE(near_sum(state.clip_max.grad().item(), golden_number(expected.at("grad_clip_max" + precision)),
                         reference.clip_max.absolute));
    EXPECT_TRUE(
        near_sum(clip_min, golden_number(expected.at("grad_clip_min" + precision)), reference.clip_min.absolute));
  }
}

void check_ulq(GoldenReport& report, const Golden& c) {
  const test::ForwardIn fake_quantization(QuantizedForward::kFloat);
  UlqCase test(c);
  const ActivationState& state = test.quantizer.state();
  Tensor x = test::golden_row_major(c.at("data"));
  x.set_requires_grad();
  if (is_refused(c)) {
    EXPECT_NE(error_text([&] { test.quantizer(x, StateUse::kUpdate); }).find("Test: "), std::string::npos);
    EXPECT_TRUE(equal_bits(state.clip_max, c.at("clip_max"))) << "an error changes nothing";
    return;
  }
  const Golden expected = c.at("expected");
  const Clips wanted = reference_clips(c);
  UlqGrid grid = ulq_grid(wanted, bits_of(UlqCase::config(c).dst_type), symmetry_of(c));
  Tensor y = test.quantizer(x, StateUse::kUpdate);
  if (state.clip_max.item() != wanted.max || state.clip_min.item() != wanted.min) {
    report.except("clips meet");
    EXPECT_TRUE(equal_bits(state.clip_max, c.at("clip_max_pre")));
    EXPECT_TRUE(equal_bits(state.clip_min, c.at("clip_min_pre")));
    // All else is compared at the reference's clips.
    const bool fixed = c.at("fixed_min").get<bool>();
    y = ulq_activation("Test", x, state.clip_max, fixed ? Tensor() : state.clip_min, grid);
  } else {
    expect_same_numbers_from_integers(c, x, y);
    EXPECT_TRUE(equal_bits(state.scale, expected.at("scale")));
    EXPECT_TRUE(equal_bits(state.offset, expected.at("offset")));
    EXPECT_TRUE(equal_bits({state.clip_max_pre.item(), state.clip_min_pre.item()}, {wanted.max, wanted.min}));
  }
  EXPECT_TRUE(equal_bits({grid.grid.scale}, golden_floats(expected.at("scale"))));
  EXPECT_TRUE(equal_bits({static_cast<float>(grid.grid.offset)}, golden_floats(expected.at("offset"))));
  EXPECT_TRUE(equal_bits({wanted.max}, golden_floats(expected.at("clip_max_out"))));
  EXPECT_TRUE(equal_bits({wanted.min}, golden_floats(expected.at("clip_min_out"))));
  const int ties = ties_in(y, x.to_vector(), expected);
  if (ties > 0) report.except("rounding tie", text(ties, " of ", y.size(), " elements"));

  y.backward(test::golden_row_major(c.at("grad_output")));
  check_ulq_gradients(report, c, x, state, grid);
}

TEST(QuantGolden, UlqActivations) {
  GoldenReport report("ulq_activation.json");
  report.each("cases", [&](const Golden& c) { check_ulq(report, c); });
}

// The loss of each candidate of the search, in the product's own words.
std::vector<double> ifmr_losses(const std::vector<float>& values, int bits, std::vector<float>& scales) {
  const auto [smallest, largest] = std::ranges::minmax(values);
  EXPECT_LT(values.size(), 1000000U) << "beyond, the largest value is not the quantile";
  const float top = std::max(0.0F, largest), bottom = std::min(0.0F, smallest);
  const float levels = top < -bottom ? IntegerRange{bits}.half() : IntegerRange{bits}.high();
  std::vector<float> clips;
  for (const float ratio : Ifmr::ratios()) {
    clips.push_back(ratio * std::max(top, -bottom));
    scales.push_back(clips.back() / levels < kSmallestScale ? 1.0F : clips.back() / levels);
  }
  std::vector<double> losses(clips.size());
  kernels::add_rounding_losses(std::ssize(values), values.data(), nullptr, clips, scales, losses);
  for (double& loss : losses) loss /= static_cast<double>(values.size());
  return losses;
}

void check_ifmr_choice(const Golden& expected, const std::vector<float>& values, int bits, float scale) {
  std::vector<float> scales;
  std::vector<double> losses = ifmr_losses(values, bits, scales);
  const auto best = static_cast<std::size_t>(std::ranges::min_element(losses) - losses.begin());
  EXPECT_EQ(best, expected.at("best_index").get<std::size_t>());
  EXPECT_EQ(scales[best], scale);
  std::ranges::sort(losses);
  const bool tie = losses[0] == 0.0 || losses[0] == losses[1];
  EXPECT_EQ(tie, expected.at("tie_sensitive").get<bool>());
  const Golden gap = expected.at("loss_relative_gap_to_second");
  EXPECT_EQ(gap.is_null(), tie);
  if (gap.is_null()) return;
  const double ours = losses[1] / losses[0] - 1.0;
  EXPECT_TRUE(near_sum(ours, golden_number(gap), 1.0 + ours));
}

void check_ifmr(const Golden& c) {
  std::int64_t initialised = 0;
  ActivationQuantizer quantizer("Test",
                                {.dst_type = static_cast<DstType>(c.at("num_bits").get<int>()),
                                 .batch_num = c.at("batch_num").get<std::int64_t>()},
                                initialised);
  std::vector<bool> initialised_after_call;
  std::vector<float> values;
  const std::string error = error_text([&] {
    for (const Golden& batch : c.at("batches").elements()) {
      const Tensor x = test::golden_activation(batch);
      EXPECT_TRUE(quantizer(x, StateUse::kUpdate).same_as(x)) << "observed, not quantized";
      initialised_after_call.push_back(quantizer.initialised());
      const std::vector<float> more = golden_floats(batch);
      values.insert(values.end(), more.begin(), more.end());
    }
  });
  EXPECT_EQ(error != "no error", is_refused(c)) << error;
  if (is_refused(c)) return;

  const Golden expected = c.at("expected");
  EXPECT_EQ(initialised_after_call, expected.at("initialised_after_call").get<std::vector<bool>>());
  const ActivationState& state = quantizer.state();
  EXPECT_TRUE(equal_bits(state.scale, expected.at("scale")));
  EXPECT_TRUE(equal_bits(state.offset, expected.at("offset")));
  EXPECT_TRUE(equal_bits(state.clip_max, expected.at("clip_max")));
  EXPECT_TRUE(equal_bits(state.clip_min, expected.at("clip_min")));
  const int bits = c.at("num_bits").get<int>();
  Ifmr ifmr(bits);
  ifmr.add(values);
  const double loss = golden_number(expected.at("loss_min_f64"));
  EXPECT_TRUE(near_sum(ifmr.search().loss, loss, loss));
  check_ifmr_choice(expected, values, bits, state.scale.item());
}

TEST(QuantGolden, IfmrClips) {
  GoldenReport report("ifmr_init.json");
  const auto ratios = Ifmr::ratios();
  EXPECT_TRUE(equal_bits({ratios.begin(), ratios.end()}, golden_floats(report.at("search_ratios"))));
  EXPECT_EQ(Ifmr::kCandidates, report.at("search_count").get<std::size_t>());
  report.each("cases", check_ifmr);
}

ChannelView view_of(const Golden& c) {
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

void check_arq(const Golden& c) {
  const test::ForwardIn fake_quantization(QuantizedForward::kFloat);
  const ChannelView view = view_of(c);
  const int bits = c.at("num_bits").get<int>();
  Tensor w = test::golden_row_major(c.at("weight"));
  w.set_requires_grad();
  WeightQuantizer quantizer(
      "Test", {.dst_type = static_cast<DstType>(bits), .channel_wise = c.at("channel_wise").get<bool>()}, view);
  if (is_refused(c)) {
    EXPECT_EQ(error_text([&] { quantizer(w, true, ScaleForm::kScale, StateUse::kUpdate); }),
              text("Test: the weight has values that are not finite (weight ", w.shape(), ")"));
    return;
  }
  const Golden expected = c.at("expected");
  const Tensor y = quantizer(w, true, ScaleForm::kScale, StateUse::kUpdate);
  EXPECT_TRUE(equal_bits(quantizer.stored_scales(), expected.at("wts_scales")));
  EXPECT_TRUE(equal_bits(quantizer.stored_offsets(), expected.at("wts_offsets")));
  EXPECT_TRUE(equal_bits(y, expected.at("output")));
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
  EXPECT_TRUE(equal_bits(w.grad(), expected.at("grad_weight")));
}

TEST(QuantGolden, ArqWeights) {
  GoldenReport report("arq_weight.json");
  report.each("cases", check_arq);
}

// The sum of the absolute terms of each scale's gradient, which its tolerance is relative to.
std::vector<double> scale_gradient_terms(const Golden& c, const ChannelView& view, const std::vector<float>& scales) {
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

void check_ulq_weight(GoldenReport& report, const Golden& c) {
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
  if (!first) std::ranges::fill(Tensor(quantizer.stored_offsets()).mutable_values(), 0.0F);  // as it left them
  if (is_refused(c)) {
    EXPECT_NE(error_text([&] { quantizer(w, first, form, StateUse::kUpdate); }), "no error");
    return;
  }
  const Golden expected = c.at("expected");
  const Tensor y = quantizer(w, first, form, StateUse::kUpdate);
  EXPECT_TRUE(equal_bits(stored, expected.at("scale_out")));
  EXPECT_TRUE(equal_bits(quantizer.stored_offsets(), expected.at("offset_out")));
  EXPECT_TRUE(equal_bits(y, expected.at("output")));
  expect_same_weights_from_integers(quantizer, w, first, form, y);

  y.backward(test::golden_row_major(c.at("grad_output")));
  EXPECT_TRUE(equal_bits(w.grad(), expected.at("grad_weight")));
  const std::vector<double> terms = scale_gradient_terms(c, view, effective_scales(stored.values(), form));
  EXPECT_TRUE(test::sums_agree(stored.grad(), expected.at("grad_scale"), terms, 1e-5));
  EXPECT_TRUE(test::sums_agree(stored.grad(), expected.at("grad_scale_f64"), terms, 1e-5));
  if (expected.contains("grad_scale_full_numel_f64")) {  // normalised by all elements instead of one channel's
    const double other = std::sqrt(static_cast<double>(view.per_output()) / static_cast<double>(w.size()));
    EXPECT_TRUE(near_sum(static_cast<double>(stored.grad().item()) * other,
                         test::golden_doubles(expected.at("grad_scale_full_numel_f64")).at(0), terms[0] * other));
  }
  const bool derived = expected.contains("reference_backward");
  EXPECT_EQ(expected.at("backward_source").get<std::string>(), derived ? "derived" : "reference");
  if (derived) report.except("backward", expected.at("reference_backward").get<std::string>());
}

TEST(QuantGolden, UlqWeights) {
  GoldenReport report("ulq_weight.json");
  report.each("cases", [&](const Golden& c) { check_ulq_weight(report, c); });
}

}  // namespace
}  // namespace octet
