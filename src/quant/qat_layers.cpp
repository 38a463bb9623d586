// SPDX-License-Identifier: Apache-2.0
// One wrapper for three layers. What it must know of a layer stands in the overloads at the top; what it asks of one is
// apply(x, weight).
#include "octet/quant/qat_layers.h"

#include <optional>
#include <type_traits>
#include <utility>

#include "octet/autograd/trace.h"
#include "octet/base/error.h"

namespace octet {
namespace {

constexpr std::int64_t kBatchesCounted = 100;  // cur_batch stops here

// The float layer's name and kSuffix.
template <typename Layer>
constexpr const char* kName = nullptr;
template <>
constexpr const char* kName<Conv2d> = "Conv2dQAT";
template <>
constexpr const char* kName<ConvTranspose2d> = "ConvTranspose2dQAT";
template <>
constexpr const char* kName<Linear> = "LinearQAT";
constexpr std::string_view kSuffix = "QAT";

ChannelView output_channels(const Conv2d& layer) {
  const Tensor& w = layer.weight();
  return {.groups = 1, .rows = 1, .channels = w.dim(0), .run = w.size() / w.dim(0)};
}

ChannelView output_channels(const Linear& layer) {
  return {.groups = 1, .rows = 1, .channels = layer.weight().dim(0), .run = layer.weight().dim(1)};
}

// [Cin, Cout/groups, Kh, Kw], the groups one after the other in Cin.
ChannelView output_channels(const ConvTranspose2d& layer) {
  const Tensor& w = layer.weight();
  const std::int64_t groups = layer.options().groups;
  return {.groups = groups, .rows = w.dim(0) / groups, .channels = w.dim(1), .run = w.dim(2) * w.dim(3)};
}

bool pads_with_zeros(const Conv2d& layer) { return layer.options().padding_mode == PaddingMode::kZeros; }
template <typename Layer>
bool pads_with_zeros(const Layer&) {
  return true;
}

template <typename Layer>
RetrainConfig complete(RetrainConfig config) {
  check_retrain_config(config, kName<Layer>);
  std::optional<bool>& channel_wise = config.retrain_weight_config.channel_wise;
  if (!channel_wise) channel_wise = !std::is_same_v<Layer, Linear>;
  return config;
}

template <typename Layer>
void check_input(const Tensor& x) {
  require(x.defined(), kName<Layer>, ": the input is undefined");
  if constexpr (std::is_same_v<Layer, Linear>)
    require(x.rank() >= 1, "LinearQAT: the input must be [..., in_features], not a scalar");
  else
    require(x.rank() == 4, kName<Layer>, ": the input must be [N, C, H, W] (x ", x.shape(), ")");
}

}  // namespace

template <typename Layer>
Qat<Layer>::Qat(Options options, const RetrainConfig& config, Rng& rng) : Qat(Layer(std::move(options), rng), config) {}

template <typename Layer>
Qat<Layer>::Qat(Options options, std::string_view config_json, Rng& rng)
    : Qat(std::move(options), parse_retrain_config(config_json, kName<Layer>), rng) {}

template <typename Layer>
Qat<Layer>::Qat(const Layer& shared, const RetrainConfig& config)
    : layer_(shared.options(), shared.weight(), shared.bias()),
      config_(complete<Layer>(config)),
      acts_initialised_(add_counter("acts_initialised")),
      cur_batch_(add_counter("cur_batch")),
      s_rec_flag_(add_counter("s_rec_flag")),
      acts_(kName<Layer>, config_.retrain_data_config, acts_initialised_),
      wts_(kName<Layer>, config_.retrain_weight_config, output_channels(layer_)) {
  require(!config_.retrain_enable || pads_with_zeros(layer_), kName<Layer>,
          ": padding_mode: must be zeros while retrain_enable is true");
  s_rec_flag_ = config_.retrain_weight_config.s_rec_flag;
  register_state();
}

template <typename Layer>
void Qat<Layer>::register_state() {
  for (const NamedTensor& own : layer_.own_parameters()) add_shared_parameter(own.name, own.tensor);
  const ActivationState& acts = acts_.state();
  add_parameter("acts_clip_max", acts.clip_max);
  add_parameter("acts_clip_min", acts.clip_min);
  add_buffer("acts_clip_max_pre", acts.clip_max_pre);
  add_buffer("acts_clip_min_pre", acts.clip_min_pre);
  add_buffer("acts_scale", acts.scale);
  add_buffer("acts_offset_deploy", acts.offset);
  const Tensor& scales = wts_.stored_scales();
  if (wts_.learns())
    add_parameter("wts_scales", scales);
  else
    add_buffer("wts_scales", scales);
  add_buffer("wts_offsets", wts_.stored_offsets());
  add_buffer("wts_offsets_deploy", Tensor::zeros(scales.shape()));
}

template <typename Layer>
std::unique_ptr<Qat<Layer>> Qat<Layer>::from_float(const Module& module, const RetrainConfig& config) {
  const auto* const layer = dynamic_cast<const Layer*>(&module);
  const std::string_view name = kName<Layer>;
  require(layer, name, ": from_float: needs a ", name.substr(0, name.size() - kSuffix.size()), ", got a ",
          module.type_name());
  std::unique_ptr<Qat> qat(new Qat(*layer, config));
  qat->train(module.training());
  return qat;
}

template <typename Layer>
std::unique_ptr<Qat<Layer>> Qat<Layer>::from_float(const Module& module, std::string_view config_json) {
  return from_float(module, parse_retrain_config(config_json, kName<Layer>));
}

template <typename Layer>
Tensor Qat<Layer>::forward(const Tensor& x) {
  check_input<Layer>(x);
  if (!config_.retrain_enable) return layer_.forward(x);
  const bool updates = !TraceRecorder::active() && (training() || !acts_.initialised());
  Tensor y = quantized_forward(x, updates ? StateUse::kUpdate : StateUse::kKeep);
  if (updates && cur_batch_ < kBatchesCounted) ++cur_batch_;
  return y;
}

// The one place where the quantized input and weight meet.
template <typename Layer>
Tensor Qat<Layer>::quantized_forward(const Tensor& x, StateUse use) {
  const ScaleForm form = s_rec_flag_ ? ScaleForm::kReciprocal : ScaleForm::kScale;
  const Tensor quantized_x = acts_(x, use);
  const Tensor quantized_weight = wts_(layer_.weight(), /*first=*/cur_batch_ == 0, form, use);
  return layer_.apply(quantized_x, quantized_weight);
}

template <typename Layer>
std::string Qat<Layer>::type_name() const {
  return kName<Layer>;
}

template <typename Layer>
std::unique_ptr<Module> Qat<Layer>::clone() const {
  Rng unused(0);
  auto copy = std::make_unique<Qat>(layer_.options(), config_, unused);
  copy->acts_.copy_observations(acts_);
  return copy_state_to(std::move(copy));
}

template class Qat<Conv2d>;
template class Qat<ConvTranspose2d>;
template class Qat<Linear>;

}  // namespace octet
