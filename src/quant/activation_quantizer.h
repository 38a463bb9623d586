// SPDX-License-Identifier: Apache-2.0
// The activation quantizer of one layer: its state, how it starts (IFMR) and what it does then (ULQ).
#pragma once

#include <cstdint>

#include "octet/autograd/quantized_twin.h"
#include "octet/autograd/tensor.h"
#include "octet/quant/ifmr.h"
#include "octet/quant/retrain_config.h"
#include "octet/quant/state_use.h"
#include "octet/quant/ulq_activation.h"

namespace octet {

/// Handles to the tensors that hold the state; whoever owns the quantizer registers them.
struct ActivationState {
  Tensor clip_max, clip_min;          ///< scalars, learned
  Tensor clip_max_pre, clip_min_pre;  ///< scalars, what the forward before used
  Tensor scale, offset;               ///< [1], what the last updating forward used
};

/// What a quantizer does with the activations it observes for its first clips. kPassOn: returns them as they are (a
/// layer that was built as a QAT layer). kQuantize: quantizes them, with the plain extremes of the batch for clips
/// until those of IFMR are found (a layer of a converted model).
enum class WhileObserving { kPassOn, kQuantize };

class ActivationQuantizer {
 public:
  /// `config` was checked. `layer` names the owner in messages; it and `initialised` must live as long as this.
  ActivationQuantizer(const char* layer, const RetrainDataConfig& config, std::int64_t& initialised,
                      WhileObserving observing = WhileObserving::kPassOn);

  /// While not initialised and with kUpdate: observes x, and after the last of batch_num calls sets the clips. While
  /// not initialised and with kKeep: returns x. Else quantizes x; kUpdate stores what it used. Layers may share a
  /// quantizer: what it returned is returned as it is, and of the layers (`reader`) that give it one and the same x the
  /// first has it quantized. With kKeep threads may share it; nothing of it is written to. Throws Error, naming the
  /// layer, if x is not finite or the clips have diverged; the state is then as before.
  Tensor operator()(const Tensor& x, StateUse use, const void* reader = nullptr, Readers readers = Readers::kMany);

  bool initialised() const { return initialised_ != 0; }
  /// What the state says now: clips, scale, offset. Throws Error if the clips have diverged.
  UlqGrid grid() const;

  const ActivationState& state() const { return state_; }
  /// Takes what another quantizer of equal configuration has observed so far.
  void copy_observations(const ActivationQuantizer& from);

 private:
  void observe(const Tensor& x);
  Tensor quantize(const Tensor& x, StateUse use, Readers readers);
  void store(const Clips& clips, const ScaleOffset& grid);

  const char* layer_;
  RetrainDataConfig config_;
  std::int64_t& initialised_;
  ActivationState state_;
  WhileObserving observing_;
  Ifmr ifmr_;
  std::int64_t batches_observed_ = 0;
  const std::uint64_t id_ = new_quantizer_id();
};

}  // namespace octet
