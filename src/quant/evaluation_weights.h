// SPDX-License-Identifier: Apache-2.0
// The integer weight and bias of a layer in evaluation, kept until something that they were made of is written to.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "octet/autograd/tensor.h"

namespace octet {

/// Threads may share it.
class EvaluationWeights {
 public:
  struct Made {
    Tensor weight, bias;
  };
  /// All that `make` reads: tensors (undefined ones, too), and numbers.
  struct Sources {
    std::vector<Tensor> tensors;
    std::vector<double> numbers;
  };
  /// What was made of these sources, as they are now, or make().
  Made get(Sources sources, const std::function<Made()>& make) const;
  /// Frees what is kept.
  void clear() const;

 private:
  struct Kept {
    Sources sources;
    std::vector<std::uint64_t> versions;
    Made made;
  };
  mutable std::mutex lock_;
  mutable std::shared_ptr<const Kept> kept_;
};

}  // namespace octet
