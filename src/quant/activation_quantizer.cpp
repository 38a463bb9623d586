// SPDX-License-Identifier: Apache-2.0
// The life of an activation quantizer, one forward pass after the other:
//
//   training     1 .. batch_num - 1   observe: extremes of the batch are the clips for now, values go to IFMR
//                batch_num            observe, then IFMR searches all that was seen: the first clips
//                later                quantize with the clips (ULQ); the optimizer moves them between passes
//   evaluation   before the clips     x as it is; the layer has refused it by then (QatModule::state_use)
//                later                quantize, and write to nothing
//
// While it observes, a layer that was built as a QAT layer passes x on, one of a converted model quantizes it already.
// The optimizer may move the clips to where they make no grid; usable_clips() then falls back to those of the pass
// before, which are state for that reason.
#include "octet/quant/activation_quantizer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "octet/base/error.h"
#include "octet/kernels/quantize/fake_quant.h"

namespace octet {
namespace {

void set(Tensor& tensor, float value) { tensor.mutable_values()[0] = value; }

}  // namespace

ActivationQuantizer::ActivationQuantizer(const char* layer, const RetrainDataConfig& config, std::int64_t& initialised,
                                         WhileObserving observing)
    : layer_(layer),
      config_(config),
      initialised_(initialised),
      observing_(observing),
      ifmr_(bits_of(config.dst_type)) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  initialised_ = config.clip_max.has_value();
  state_.clip_max = Tensor::scalar(config.clip_max.value_or(1.0F));
  state_.clip_min = Tensor::scalar(config.clip_min.value_or(kDefaultClipMin));
  // Configured clips are the first ones to fall back to.
  state_.clip_max_pre = Tensor::scalar(initialised_ ? state_.clip_max.item() : nan);
  state_.clip_min_pre = Tensor::scalar(initialised_ ? state_.clip_min.item() : nan);
  state_.scale = Tensor::full({1}, nan);
  state_.offset = Tensor::zeros({1});
}

UlqGrid ActivationQuantizer::grid() const {
  const Clips now{state_.clip_max.item(), state_.clip_min.item()};
  const Clips before{state_.clip_max_pre.item(), state_.clip_min_pre.item()};
  const Clips clips = usable_clips(now, before, config_.fixed_min);
  require(clips.max - clips.min <= std::numeric_limits<float>::max(), layer_,
          ": acts_clip_max and acts_clip_min must be finite and so must their difference (acts_clip_max ", now.max,
          ", acts_clip_min ", now.min, ")");
  return ulq_grid(clips, bits_of(config_.dst_type), config_.asymmetric ? Symmetry::kAsymmetric : Symmetry::kSymmetric);
}

Tensor ActivationQuantizer::operator()(const Tensor& x, StateUse use, const void* reader, Readers readers) {
  const auto clips = [&] {  // other clips, another grid
    return std::uint64_t{std::bit_cast<std::uint32_t>(state_.clip_max.item())} << 32 |
           std::bit_cast<std::uint32_t>(state_.clip_min.item());
  };
  if (made_by(x, id_, clips())) return x;
  const TwinClaim claim = claim_twin(x, id_, clips(), reader);
  if (claim.quantized.defined()) return claim.quantized;
  Tensor y = quantize(x, claim.again ? StateUse::kKeep : use, readers);
  if (!y.same_as(x)) keep_twin(x, id_, clips(), claim, y);  // what was passed on is not quantized
  return y;
}

Tensor ActivationQuantizer::quantize(const Tensor& x, StateUse use, Readers readers) {
  if (!initialised()) {
    if (use == StateUse::kUpdate) observe(x);
    if (observing_ == WhileObserving::kPassOn || std::isnan(state_.clip_max_pre.item())) return x;
  }
  const UlqGrid now = grid();
  // A fixed minimum gets no gradient: an optimizer must not move what the next forward resets.
  Tensor y = ulq_activation(layer_, x, state_.clip_max, config_.fixed_min ? Tensor() : state_.clip_min, now, readers);
  if (use == StateUse::kUpdate) store(now.clips, now.grid);
  return y;
}

void ActivationQuantizer::observe(const Tensor& x) {
  require(x.size() > 0, layer_, ": the input is empty (x ", x.shape(), ")");
  kernels::Extremes extremes{0.0F, 0.0F, true};
  bool first = true;
  visit_values(x, [&](std::span<const float> values) {
    const kernels::Extremes part = kernels::extremes(std::ssize(values), values.data());
    extremes = first ? part
                     : kernels::Extremes{std::max(extremes.max, part.max), std::min(extremes.min, part.min),
                                         extremes.finite && part.finite};
    first = false;
  });
  require(extremes.finite, layer_, ": the input has values that are not finite (x ", x.shape(), ")");
  visit_values(x, [&](std::span<const float> values) { ifmr_.add(values); });
  ++batches_observed_;
  if (batches_observed_ < config_.batch_num) return store({extremes.max, extremes.min}, {1.0F, 0});

  const IfmrResult found = ifmr_.search();
  store(found.clips, {found.scale, 0});
  initialised_ = 1;
  ifmr_ = Ifmr(bits_of(config_.dst_type));  // frees the values
}

void ActivationQuantizer::store(const Clips& clips, const ScaleOffset& grid) {
  set(state_.clip_max, clips.max);
  set(state_.clip_min, clips.min);
  set(state_.clip_max_pre, clips.max);
  set(state_.clip_min_pre, clips.min);
  set(state_.scale, grid.scale);
  set(state_.offset, static_cast<float>(grid.offset));
}

void ActivationQuantizer::copy_observations(const ActivationQuantizer& from) {
  ifmr_ = from.ifmr_;
  batches_observed_ = from.batches_observed_;
}

}  // namespace octet
