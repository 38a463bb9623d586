// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/weight_quantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "octet/autograd/integers.h"
#include "octet/autograd/saved.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/graph/operators_quantization.h"

namespace octet {
namespace {

[[noreturn]] void fail_not_finite(const char* layer, const Tensor& weight) {
  fail(layer, ": the weight has values that are not finite (weight ", weight.shape(), ")");
}

// One scale per output channel.
std::vector<float> for_each_output(const std::vector<float>& scales, const ChannelView& view) {
  return scales.size() == 1 ? std::vector<float>(static_cast<std::size_t>(view.outputs()), scales.front()) : scales;
}

void to_reciprocals(std::vector<float>& values) {
  for (float& value : values) value = 1.0F / value;
}

Tensor scale_gradient(const Tensor& weight, const Tensor& dy, const std::vector<float>& scales, const ChannelView& view,
                      const IntegerRange& range, ScaleForm form) {
  std::vector<double> sums(static_cast<std::size_t>(view.outputs()));
  kernels::channel_scale_sums(view, for_each_output(scales, view).data(), range.low(), range.high(),
                              weight.values().data(), dy.values().data(), sums.data());
  if (scales.size() == 1) {
    for (std::size_t i = 1; i < sums.size(); ++i) sums.front() += sums[i];
    sums.resize(1);
  }
  const double norm = std::sqrt(static_cast<double>(view.per_output()) * static_cast<double>(range.high()));
  Tensor gradient = Tensor::empty({std::ssize(scales)});
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const auto scale = static_cast<double>(scales[i]);
    const double factor = form == ScaleForm::kReciprocal ? -scale * scale : 1.0;
    gradient.mutable_values()[i] = static_cast<float>(sums[i] * factor / norm);
  }
  return gradient;
}

}  // namespace

std::vector<float> arq_scales(const char* layer, const Tensor& weight, const ChannelView& view, bool channel_wise,
                              int bits) {
  const auto outputs = static_cast<std::size_t>(view.outputs());
  std::vector<float> max(outputs), min(outputs), scales;
  if (!kernels::channel_extremes(view, weight.values().data(), max.data(), min.data())) fail_not_finite(layer, weight);
  if (!channel_wise) {
    max = {*std::ranges::max_element(max)};
    min = {*std::ranges::min_element(min)};
  }
  for (std::size_t i = 0; i < max.size(); ++i)
    scales.push_back(scale_offset(max[i], min[i], bits, Symmetry::kSymmetric).scale);
  return scales;
}

void keep_positive(std::span<float> stored, ScaleForm form) {
  for (float& value : stored) {  // NaN stays
    if (value < kSmallestScale) value = kSmallestScale;
    if (form == ScaleForm::kReciprocal && value > 1.0F / kSmallestScale) value = 1.0F / kSmallestScale;
  }
}

std::vector<float> effective_scales(std::span<const float> stored, ScaleForm form) {
  std::vector<float> scales(stored.begin(), stored.end());
  keep_positive(scales, form);
  if (form == ScaleForm::kReciprocal) to_reciprocals(scales);
  return scales;
}

Tensor fake_quantize_weight(const char* layer, const Tensor& weight, const Tensor& scales, const ChannelView& view,
                            int bits, ScaleForm form) {
  const IntegerRange range{bits};
  const std::vector<float> used = effective_scales(scales.values(), form);
  require(std::ranges::all_of(used, [](float s) { return std::isfinite(s); }), layer, ": wts_scales must be finite");
  const std::vector<float> scale_of_output = for_each_output(used, view);
  Tensor y;
  bool finite;
  if (bits <= 8 && quantized_forward() == QuantizedForward::kInt8) {
    WeightIntegers integers{kernels::Buffer(weight.size()), view, scale_of_output};
    finite = kernels::quantize_channels(view, scale_of_output.data(), range.low(), range.high(), weight.values().data(),
                                        static_cast<std::int8_t*>(integers.q.data()));
    y = make_integer_weight(weight.shape(), std::move(integers));
  } else {
    y = Tensor::empty(weight.shape(), weight.layout());
    finite = kernels::fake_quantize_channels(view, scale_of_output.data(), range.low(), range.high(),
                                             weight.values().data(), y.mutable_values().data());
  }
  if (!finite) fail_not_finite(layer, weight);

  const DescribeOp describe = [bits, used] {
    return Attributes{{"bits", std::int64_t{bits}}, {"channel_wise", used.size() > 1}};
  };
  const Saved kept(layer, "the weight", scales.requires_grad() ? weight : Tensor());
  return record(ops::kFakeQuantizeWeight, y, {weight, scales}, describe,
                [kept, used, view, range, form](const Tensor& dy, const NeedsGrad& needs) {
                  std::vector<Tensor> grads(2);
                  if (needs[0]) grads[0] = dy;
                  if (needs[1]) grads[1] = scale_gradient(kept.get(), dy, used, view, range, form);
                  return grads;
                });
}

WeightQuantizer::WeightQuantizer(const char* layer, const RetrainWeightConfig& config, const ChannelView& view)
    : layer_(layer), config_(config), view_(view) {
  const std::int64_t count = config.channel_wise.value() ? view.outputs() : 1;
  scales_ = Tensor::full({count}, std::numeric_limits<float>::quiet_NaN());
  offsets_ = scales_.clone();
}

Tensor WeightQuantizer::arq(const Tensor& weight, ScaleForm form, StateUse use) {
  std::vector<float> found = arq_scales(layer_, weight, view_, config_.channel_wise.value(), bits_of(config_.dst_type));
  if (form == ScaleForm::kReciprocal) to_reciprocals(found);
  Tensor scales = use == StateUse::kUpdate ? scales_ : Tensor::empty(scales_.shape());
  std::ranges::copy(found, scales.mutable_values().begin());
  if (use == StateUse::kUpdate) std::ranges::fill(offsets_.mutable_values(), 0.0F);
  return scales;
}

Tensor WeightQuantizer::operator()(const Tensor& weight, bool first, ScaleForm form, StateUse use) {
  if (!learns()) form = ScaleForm::kScale;
  const bool has_scales = learns() && !first;
  if (has_scales && use == StateUse::kUpdate) keep_positive(scales_.mutable_values(), form);
  return fake_quantize_weight(layer_, weight, has_scales ? scales_ : arq(weight, form, use), view_,
                              bits_of(config_.dst_type), form);
}

}  // namespace octet
