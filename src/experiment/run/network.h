// SPDX-License-Identifier: Apache-2.0
// The network of an experiment: a float one, or one that is retrained with quantization. Private to the room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "octet/experiment/file/experiment.h"
#include "octet/nn/module.h"
#include "octet/quant/retrain_report.h"

namespace octet::detail {

struct Network {
  std::unique_ptr<Module> module;
  std::string quant_config = {};          ///< text of its configuration (quant_retrain_config.h); "": a float network
  QuantRetrainReport report = {};         ///< of its layers, likewise
  bool force_fp16_quant = false;          ///< what that says of the record
  std::string float_weights_sha256 = {};  ///< of the float network that retraining began with (weights_hash.h)
};

/// What `input` must be in the functions below: the size of an image, [C, H, W]. Values and batch do not matter.
///
/// The network with which the experiment's run begins: with the initial weights that the seed gives, or the network of
/// quantization.weights, quantized. Throws Error (file, position, rule) if these weights or the configuration do not
/// fit, and, unless quantization.deploy is false, with all that stands in the way of deploying what is trained.
Network first_network(const Experiment& experiment, const Shape& input);

/// The network of that make, whose state is to be loaded. `quant_config` as in Network; `source` names it in messages.
Network network_of_make(const Experiment& experiment, const Shape& input, const std::string& quant_config,
                        const std::string& source);

/// The float network that the experiment retrains, in evaluation mode.
std::unique_ptr<Module> float_network(const Experiment& experiment);

/// In how many of the first steps of a run the network looks for its first clips. What it has seen meanwhile is in no
/// checkpoint, so that the run cannot stop before.
std::int64_t steps_of_search(Module& module);

}  // namespace octet::detail
