// SPDX-License-Identifier: Apache-2.0
// Conv2dQAT, ConvTranspose2dQAT, LinearQAT: float layers that train as their int8 versions will run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "octet/base/rng.h"
#include "octet/nn/conv_layers.h"
#include "octet/nn/module.h"
#include "octet/nn/norm_layers.h"
#include "octet/quant/activation_quantizer.h"
#include "octet/quant/evaluation_weights.h"
#include "octet/quant/integer_layer.h"
#include "octet/quant/retrain_config.h"
#include "octet/quant/weight_quantizer.h"

namespace octet {

/// What the three QAT layers have in common, and all that tools need to know of one.
class QatModule : public Module {
 public:
  const RetrainConfig& config() const { return config_; }  ///< with channel_wise filled in
  virtual const Tensor& weight() const = 0;
  virtual const Tensor& bias() const = 0;
  /// Its own, or that of the layer with which it shares one.
  const ActivationQuantizer& activation_quantizer() const { return acts(); }
  const WeightQuantizer& weight_quantizer() const { return wts_; }
  /// How output channels lie in the weight.
  const kernels::ChannelView& weight_view() const { return view_; }
  /// The layer whose activation quantizer this one uses; null: its own. Throws Error if that layer is no longer there.
  const QatModule* quantizer_owner() const { return acts_ ? nullptr : &owner(); }
  /// The BatchNorm that a converted Conv2d has taken in, or null.
  const BatchNorm2d* batch_norm() const;

  /// The grid of its input. Throws Error while the first clips are still being found, or if they have diverged.
  UlqGrid input_grid() const;
  /// The integers that the layer is where its input has this scale: in evaluation that of input_grid(), in a file the
  /// scale that the file has, which may be rounded. Throws Error if a scale has diverged, or as integer_layer().
  IntegerLayer integers(float input_scale) const;

  /// As Huawei's AMCT does it: before the first clips exist, forwards in evaluation count for their search, too, and so
  /// set them. For comparisons with it; false at first.
  void set_evaluation_sets_clips(bool on) { evaluation_sets_clips_ = on; }

  /// Quantizes the input of a block, so that all that read it read the same integers.
  Tensor filter_input(const Tensor& x) override;

 protected:
  /// How the layer came about. kConverted: by create_quant_retrain_model(), see Qat.
  enum class Origin { kBuilt, kConverted };
  QatModule(const char* name, const RetrainConfig& config, const kernels::ChannelView& view, Origin origin,
            QatModule* owner);

  ActivationQuantizer& acts() const { return acts_ ? *acts_ : *owner().acts_; }
  QatModule& owner() const;
  void relink(const CopyOf& copy_of) override;
  StateUse state_use() const;
  /// What the layer computes with in evaluation. As floats, for who wants the oracle: integers times their scales.
  EvaluationWeights::Made evaluation_weights(float input_scale) const;
  void forget_evaluation_weights() const { kept_.clear(); }

  const char* const name_;
  const RetrainConfig config_;
  const kernels::ChannelView view_;
  const Origin origin_;
  ModuleLink owner_;
  std::int64_t &cur_batch_, &s_rec_flag_;
  bool evaluation_sets_clips_ = false;
  mutable std::optional<ActivationQuantizer> acts_;  // none if another layer owns it
  WeightQuantizer wts_;

 private:
  EvaluationWeights kept_;
};

/// Whether records and files hold one scale for all channels of the layer: it is not channel_wise, took in no
/// BatchNorm, and no channel needed another scale for its bias.
bool one_scale(const QatModule& layer, std::span<const float> scales);

/// A float layer whose input and weight are quantized before it is applied. The weight itself stays float: what
/// training moves is never rounded. The first clips are found in the first batch_num forwards in training mode;
/// evaluation uses the same quantizers, changes nothing, and before there are clips it is an Error.
///
/// A layer of a converted model (create_quant_retrain_model) quantizes from its first forward on, runs the BatchNorm
/// that it took in after itself, and computes in evaluation what it will compute once it is deployed: BatchNorm folded
/// into integer weights and an integer bias, whose parameters then get no gradient.
///
/// State: weight, bias, and, as AMCT names them, acts_clip_max and acts_clip_min (learned), acts_clip_max_pre,
/// acts_clip_min_pre, acts_scale, acts_offset_deploy, wts_scales (learned with ulq_retrain), wts_offsets,
/// wts_offsets_deploy, cur_batch, s_rec_flag, and acts_initialised: 1 once the clips have been found. A layer that
/// shares an activation quantizer has none of the acts_ ones.
template <typename Layer>
class Qat final : public QatModule {
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

  /// Throws Error, naming the layer, for input or weights that are not finite, for clips or scales that diverged, and
  /// in evaluation mode before the first clips have been found.
  Tensor forward(const Tensor& x) override;
  std::string type_name() const override;
  std::unique_ptr<Module> clone() const override;

  const Options& options() const { return layer_.options(); }
  const Layer& layer() const { return layer_; }  ///< with the same weight and bias
  const Tensor& weight() const override { return layer_.weight(); }
  const Tensor& bias() const override { return layer_.bias(); }

 private:
  friend std::unique_ptr<QatModule> convert_layer(const Module&, const RetrainConfig&, std::unique_ptr<Module>,
                                                  QatModule*);
  Qat(const Layer& shared, const RetrainConfig& config, Origin origin, QatModule* owner);

  void register_state();
  Tensor quantized_forward(const Tensor& x, StateUse use);
  Tensor deployed_forward(const Tensor& x);

  Layer layer_;
};

using Conv2dQAT = Qat<Conv2d>;
using ConvTranspose2dQAT = Qat<ConvTranspose2d>;
using LinearQAT = Qat<Linear>;

extern template class Qat<Conv2d>;
extern template class Qat<ConvTranspose2d>;
extern template class Qat<Linear>;

/// The QAT layer of a converted model for `layer`, a Conv2d, ConvTranspose2d or Linear, whose weight and bias it
/// shares. `batch_norm` (a BatchNorm2d, or null) runs after a Conv2d; `quantizer_owner` (null: none) lends its
/// activation quantizer and must be in the same model. Throws Error if these do not fit.
std::unique_ptr<QatModule> convert_layer(const Module& layer, const RetrainConfig& config,
                                         std::unique_ptr<Module> batch_norm, QatModule* quantizer_owner);

}  // namespace octet
