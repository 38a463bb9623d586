// SPDX-License-Identifier: Apache-2.0
// One wrapper for three layers. What it must know of a layer stands in the overloads at the top; what it asks of one is
// apply(x, weight).
#include "octet/quant/qat_layers.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>

#include "octet/autograd/trace.h"
#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/kernels/float/channel_sums.h"

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

constexpr std::string_view kBatchNorm = "bn";  // the slot of a BatchNorm that was taken in

// gamma / sqrt(var + eps), mean and beta: what a BatchNorm in evaluation does.
FoldedNorm fold(const BatchNorm2d& bn) {
  const auto filled = [&](const Tensor& t, float otherwise) {
    const auto features = static_cast<std::size_t>(bn.options().features);
    return t.defined() ? t.to_vector() : std::vector<float>(features, otherwise);
  };
  FoldedNorm norm{filled(bn.weight(), 1.0F), filled(bn.running_mean(), 0.0F), filled(bn.bias(), 0.0F)};
  const std::vector<float> variance = filled(bn.running_var(), 1.0F);
  for (std::size_t c = 0; c < norm.factor.size(); ++c)
    norm.factor[c] *= kernels::inverse_deviation(variance[c], static_cast<double>(bn.options().eps));
  return norm;
}

}  // namespace

// ---- what all have in common ----------------------------------------------------------------------------------------

QatModule::QatModule(const char* name, const RetrainConfig& config, const ChannelView& view, Origin origin,
                     QatModule* owner)
    : name_(name),
      config_(config),
      view_(view),
      origin_(origin),
      owner_(owner),
      cur_batch_(add_counter("cur_batch")),
      s_rec_flag_(add_counter("s_rec_flag")),
      wts_(name, config_.retrain_weight_config, view) {
  s_rec_flag_ = config_.retrain_weight_config.s_rec_flag;
  if (!owner)
    acts_.emplace(name, config_.retrain_data_config, add_counter("acts_initialised"),
                  origin == Origin::kConverted ? WhileObserving::kQuantize : WhileObserving::kPassOn);
}

const BatchNorm2d* QatModule::batch_norm() const {
  return children().empty() ? nullptr : dynamic_cast<const BatchNorm2d*>(&children().front()->module());
}

// State changes in training alone, and never while a trace is taken.
StateUse QatModule::state_use() const {
  if (TraceRecorder::active()) return StateUse::kKeep;
  if (training()) return StateUse::kUpdate;
  if (acts().initialised()) return StateUse::kKeep;
  require(evaluation_sets_clips_, name_,
          ": evaluation needs clips, which have not been found yet: it must see training (or calibration) data first, ",
          counted(config_.retrain_data_config.batch_num, "batch", "batches"), " in training mode");
  return StateUse::kUpdate;
}

Tensor QatModule::filter_input(const Tensor& x) { return acts()(x, state_use(), this, Readers::kOne); }

UlqGrid QatModule::input_grid() const {
  require(acts().initialised(), name_,
          ": its clips have not been found yet: it must see training (or calibration) data first, ",
          counted(config_.retrain_data_config.batch_num, "batch", "batches"), " in training mode");
  return acts().grid();
}

IntegerLayer QatModule::integers(float input_scale) const {
  const ScaleForm form = s_rec_flag_ && wts_.learns() ? ScaleForm::kReciprocal : ScaleForm::kScale;
  // Learned scales begin in the first training forward, as ARQ's.
  const std::vector<float> scales =
      wts_.learns() && cur_batch_ > 0
          ? effective_scales(wts_.stored_scales().values(), form)
          : arq_scales(name_, weight(), view_, config_.retrain_weight_config.channel_wise.value(),
                       bits_of(config_.retrain_weight_config.dst_type));
  const BatchNorm2d* const bn = batch_norm();
  const FoldedNorm norm = bn ? fold(*bn) : FoldedNorm();
  return integer_layer(name_, view_, weight().values(), scales, bits_of(config_.retrain_weight_config.dst_type),
                       bias().defined() ? bias().values() : std::span<const float>(), bn ? &norm : nullptr,
                       input_scale);
}

EvaluationWeights::Made QatModule::evaluation_weights(float input_scale) const {
  const bool as_floats = quantized_forward() == QuantizedForward::kFloat;
  EvaluationWeights::Sources sources{{weight(), bias(), wts_.stored_scales()},
                                     {static_cast<double>(input_scale), as_floats ? 1.0 : 0.0,
                                      cur_batch_ > 0 ? 1.0 : 0.0, static_cast<double>(s_rec_flag_)}};
  if (const BatchNorm2d* const bn = batch_norm()) {
    sources.tensors.insert(sources.tensors.end(), {bn->weight(), bn->bias(), bn->running_mean(), bn->running_var()});
    sources.numbers.push_back(static_cast<double>(bn->options().eps));
  }
  return kept_.get(std::move(sources), [&] {
    IntegerLayer made = integers(input_scale);
    std::vector<float> bias_values;
    for (std::size_t c = 0; c < made.bias.size(); ++c)
      bias_values.push_back(static_cast<float>(made.bias[c]) * (input_scale * made.scales[c]));
    kernels::Buffer q(std::ssize(made.weight));
    std::ranges::copy(made.weight, static_cast<std::int8_t*>(q.data()));
    const Tensor with_integers =
        make_integer_weight(weight().shape(), {std::move(q), view_, std::move(made.scales), std::move(made.bias)});
    return EvaluationWeights::Made{as_floats ? with_integers.clone() : with_integers,
                                   Tensor::from_values({std::ssize(bias_values)}, bias_values)};
  });
}

void QatModule::relink(const CopyOf& copy_of) {
  if (!acts_) owner_ = ModuleLink(&copy_of(owner()));
}

QatModule& QatModule::owner() const {
  require(owner_.get() != nullptr, name_,
          ": the layer whose activation quantizer it shares has been destroyed; convert the model again");
  auto* const qat = dynamic_cast<QatModule*>(owner_.get());
  require(qat && qat->acts_, name_, ": where the layer was whose activation quantizer it shares, there is a ",
          owner_.get()->type_name(), " now, which has none of its own; convert the model again");
  return *qat;
}

bool one_scale(const QatModule& layer, std::span<const float> scales) {
  return !layer.config().retrain_weight_config.channel_wise.value() && !layer.batch_norm() &&
         std::ranges::all_of(scales, [&](float scale) { return scale == scales[0]; });
}

// ---- one wrapper for three layers -----------------------------------------------------------------------------------

template <typename Layer>
Qat<Layer>::Qat(Options options, const RetrainConfig& config, Rng& rng)
    : Qat(Layer(std::move(options), rng), config, Origin::kBuilt, nullptr) {}

template <typename Layer>
Qat<Layer>::Qat(Options options, std::string_view config_json, Rng& rng)
    : Qat(std::move(options), parse_retrain_config(config_json, kName<Layer>), rng) {}

template <typename Layer>
Qat<Layer>::Qat(const Layer& shared, const RetrainConfig& config, Origin origin, QatModule* owner)
    : QatModule(kName<Layer>, complete<Layer>(config), output_channels(shared), origin, owner),
      layer_(shared.options(), shared.weight(), shared.bias()) {
  require(!config_.retrain_enable || pads_with_zeros(layer_), kName<Layer>,
          ": padding_mode: must be zeros while retrain_enable is true");
  register_state();
}

template <typename Layer>
void Qat<Layer>::register_state() {
  for (const NamedTensor& own : layer_.own_parameters()) add_shared_parameter(own.name, own.tensor);
  if (acts_) {
    const ActivationState& acts = acts_->state();
    add_parameter("acts_clip_max", acts.clip_max);
    add_parameter("acts_clip_min", acts.clip_min);
    add_buffer("acts_clip_max_pre", acts.clip_max_pre);
    add_buffer("acts_clip_min_pre", acts.clip_min_pre);
    add_buffer("acts_scale", acts.scale);
    add_buffer("acts_offset_deploy", acts.offset);
  }
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
  std::unique_ptr<Qat> qat(new Qat(*layer, config, Origin::kBuilt, nullptr));
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
  if (origin_ == Origin::kConverted && !training() && acts().initialised()) return deployed_forward(x);
  const StateUse use = state_use();
  if (use == StateUse::kUpdate) forget_evaluation_weights();
  Tensor y = quantized_forward(x, use);
  if (use == StateUse::kUpdate && cur_batch_ < kBatchesCounted) ++cur_batch_;
  return y;
}

// The one place where the quantized input and weight meet.
template <typename Layer>
Tensor Qat<Layer>::quantized_forward(const Tensor& x, StateUse use) {
  const ScaleForm form = s_rec_flag_ ? ScaleForm::kReciprocal : ScaleForm::kScale;
  const Tensor quantized_x = acts()(x, use, this);
  const Tensor quantized_weight = wts_(layer_.weight(), /*first=*/cur_batch_ == 0, form, use);
  const Tensor y = layer_.apply(quantized_x, quantized_weight);
  return children().empty() ? y : (*children().front())(y);
}

// What the deployed layer computes.
template <typename Layer>
Tensor Qat<Layer>::deployed_forward(const Tensor& x) {
  const Tensor quantized_x = acts()(x, StateUse::kKeep, this);
  const EvaluationWeights::Made made = evaluation_weights(input_grid().grid.scale);
  return layer_.apply(quantized_x, made.weight, made.bias);
}

template <typename Layer>
std::string Qat<Layer>::type_name() const {
  return kName<Layer>;
}

template <typename Layer>
std::unique_ptr<Module> Qat<Layer>::clone() const {
  const Layer layer(layer_.options(), copy_of(layer_.weight()), copy_of(layer_.bias()));
  std::unique_ptr<Qat> copy(new Qat(layer, config_, origin_, acts_ ? nullptr : &owner()));
  if (acts_) copy->acts_->copy_observations(*acts_);
  copy->evaluation_sets_clips_ = evaluation_sets_clips_;
  return copy_state_to(std::move(copy));
}

template class Qat<Conv2d>;
template class Qat<ConvTranspose2d>;
template class Qat<Linear>;

std::unique_ptr<QatModule> convert_layer(const Module& layer, const RetrainConfig& config,
                                         std::unique_ptr<Module> batch_norm, QatModule* quantizer_owner) {
  constexpr auto kConverted = QatModule::Origin::kConverted;
  if (const auto* const conv = dynamic_cast<const Conv2d*>(&layer)) {
    std::unique_ptr<Conv2dQAT> qat(new Conv2dQAT(*conv, config, kConverted, quantizer_owner));
    qat->train(layer.training());  // before the BatchNorm is in it, which has a mode of its own
    if (batch_norm) {
      const auto* const bn = dynamic_cast<const BatchNorm2d*>(batch_norm.get());
      require(bn && bn->options().features == conv->options().out_channels, "Conv2dQAT: takes in a BatchNorm2d of its ",
              conv->options().out_channels, " output channels, got a ", batch_norm->type_name());
      qat->add(std::string(kBatchNorm), std::move(batch_norm));
    }
    return qat;
  }
  require(!batch_norm, layer.type_name(), ": only a Conv2d takes in a BatchNorm");
  std::unique_ptr<QatModule> qat;
  if (const auto* const transposed = dynamic_cast<const ConvTranspose2d*>(&layer))
    qat.reset(new ConvTranspose2dQAT(*transposed, config, kConverted, quantizer_owner));
  else if (const auto* const linear = dynamic_cast<const Linear*>(&layer))
    qat.reset(new LinearQAT(*linear, config, kConverted, quantizer_owner));
  require(qat != nullptr, "create_quant_retrain_model: a ", layer.type_name(), " cannot be quantized");
  qat->train(layer.training());
  return qat;
}

}  // namespace octet
