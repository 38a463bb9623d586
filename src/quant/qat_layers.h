// SPDX-License-Identifier: Apache-2.0
// Conv2dQAT, ConvTranspose2dQAT, LinearQAT: float layers that train as their int8 versions will run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "octet/base/rng.h"
#include "octet/nn/conv_layers.h"
#include "octet/nn/module.h"
#include "octet/quant/activation_quantizer.h"
#include "octet/quant/retrain_config.h"
#include "octet/quant/weight_quantizer.h"

namespace octet {

/// A float layer whose input and weight are quantized before it is applied. The weight itself stays float: what
/// training moves is never rounded. Evaluation uses the same quantizers and changes nothing, except that forwards of
/// either mode count for the search of the first clips.
///
/// State: weight, bias, and, as the reference names them, acts_clip_max and acts_clip_min (learned), acts_clip_max_pre,
/// acts_clip_min_pre, acts_scale, acts_offset_deploy, wts_scales (learned with ulq_retrain), wts_offsets,
/// wts_offsets_deploy, cur_batch, s_rec_flag, and acts_initialised: 1 once the clips have been found.
template <typename Layer>
class Qat final : public Module {
 public:
  using Options = typename Layer::Options;

  /// A new float layer, quantized. Throws Error for an option or a value of the configuration that has no meaning, and
  /// for a padding_mode other than zeros while retrain_enable is true: integers know no other.
  Qat(Options options, const RetrainConfig& config, Rng& rng);
  /// The same with a configuration in JSON, see parse_retrain_config().
  Qat(Options options, std::string_view config_json, Rng& rng);
  Qat(Options options, Rng& rng) : Qat(std::move(options), RetrainConfig(), rng) {}

  /// Quantizes `module`, a Layer: options are taken over, weight and bias are shared. Throws Error if it is no Layer.
  static std::unique_ptr<Qat> from_float(const Module& module, const RetrainConfig& config = {});
  static std::unique_ptr<Qat> from_float(const Module& module, std::string_view config_json);

  /// Throws Error, naming the layer, for input or weights that are not finite and for clips or scales that diverged.
  Tensor forward(const Tensor& x) override;
  std::string type_name() const override;
  std::unique_ptr<Module> clone() const override;

  const Options& options() const { return layer_.options(); }
  const RetrainConfig& config() const { return config_; }  ///< with channel_wise filled in
  const Tensor& weight() const { return layer_.weight(); }
  const Tensor& bias() const { return layer_.bias(); }
  const ActivationQuantizer& activation_quantizer() const { return acts_; }
  const WeightQuantizer& weight_quantizer() const { return wts_; }

 private:
  Qat(const Layer& shared, const RetrainConfig& config);

  void register_state();
  Tensor quantized_forward(const Tensor& x, StateUse use);

  Layer layer_;
  RetrainConfig config_;
  std::int64_t &acts_initialised_, &cur_batch_, &s_rec_flag_;
  ActivationQuantizer acts_;
  WeightQuantizer wts_;
};

using Conv2dQAT = Qat<Conv2d>;
using ConvTranspose2dQAT = Qat<ConvTranspose2d>;
using LinearQAT = Qat<Linear>;

extern template class Qat<Conv2d>;
extern template class Qat<ConvTranspose2d>;
extern template class Qat<Linear>;

}  // namespace octet
