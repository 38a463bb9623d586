// SPDX-License-Identifier: Apache-2.0
// A network that was converted, retrained and saved: what its evaluation computes, and the file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "octet/autograd/tensor.h"
#include "octet/nn/module.h"
#include "support/exactness.h"

namespace octet::test {

class RetrainedNetwork {
 public:
  struct Options {
    std::string definition = "";  ///< of the configuration, in YAML
    bool quantize_shortcuts = false;
  };
  using Retrain = std::function<void(Module& converted, const Tensor& sample)>;
  /// Converts `net`, retrains what came out, and saves it. `sample`: images for the network.
  RetrainedNetwork(Module& net, const Tensor& sample, const Options& options, const Retrain& retrain);

  /// The graph of the saved file, with shapes for a batch.
  Graph graph(std::int64_t batch) const;
  /// What evaluation computes: the values of compared_values(), and the output of a forward that nothing watches.
  Observations evaluate(std::span<const float> input, std::int64_t batch) const;

 private:
  Shape image_;
  std::unique_ptr<Module> model_;
  Graph graph_;
};

}  // namespace octet::test
