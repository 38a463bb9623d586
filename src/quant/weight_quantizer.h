// SPDX-License-Identifier: Apache-2.0
// The weight quantizer of one layer: ARQ scales from the largest weights, or ULQ scales that start there and are
// learned.
#pragma once

#include <span>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/kernels/quantize/fake_quant.h"
#include "octet/quant/retrain_config.h"
#include "octet/quant/scale_offset.h"
#include "octet/quant/state_use.h"

namespace octet {

using kernels::ChannelView;

/// Per output channel (or, not channel_wise, one for all) max(|max|, |min|) over the largest integer of that sign.
/// Throws Error, in the name of `layer`, if the weight is not finite.
std::vector<float> arq_scales(const char* layer, const Tensor& weight, const ChannelView& view, bool channel_wise,
                              int bits);

/// What a tensor of learned scales holds: kReciprocal is 1/scale.
enum class ScaleForm { kScale, kReciprocal };

/// Moves learned values into the range they must not leave: at least 2^-23, and at most 2^23 for a reciprocal.
void keep_positive(std::span<float> stored, ScaleForm form);
/// The scales that a tensor stands for, after keep_positive().
std::vector<float> effective_scales(std::span<const float> stored, ScaleForm form);

/// w^ = clamp(rint(w / scale)) * scale, with one scale for all or one per output channel in `scales`. Straight through:
/// w gets dw^. If `scales` requires a gradient, each gets the sum of d dw^ / sqrt(N (2^(bits-1) - 1)), where d is
/// rint(w / scale) - w / scale, or the first or last integer where w is beyond it (for kReciprocal times -scale^2), and
/// N the number of weights of one output channel. Throws Error, in the name of `layer`, if the weight is not finite.
Tensor fake_quantize_weight(const char* layer, const Tensor& weight, const Tensor& scales, const ChannelView& view,
                            int bits, ScaleForm form);

class WeightQuantizer {
 public:
  /// `config` was checked and channel_wise is set; `layer` must live as long as this.
  WeightQuantizer(const char* layer, const RetrainWeightConfig& config, const ChannelView& view);

  /// The weight on its grid. `first`: learned scales have no value yet and start as ARQ. kUpdate stores the scales.
  Tensor operator()(const Tensor& weight, bool first, ScaleForm form, StateUse use);

  bool learns() const { return config_.weights_retrain_algo == WeightsRetrainAlgo::kUlqRetrain; }
  /// [out_channels] or [1], NaN at first.
  const Tensor& stored_scales() const { return scales_; }
  /// The same size: NaN at first, 0 once there are scales.
  const Tensor& stored_offsets() const { return offsets_; }

 private:
  // ARQ's scales in their stored form: in the stored tensor, or with kKeep in a new one.
  Tensor arq(const Tensor& weight, ScaleForm form, StateUse use);

  const char* layer_;
  RetrainWeightConfig config_;
  ChannelView view_;
  Tensor scales_, offsets_;
};

}  // namespace octet
