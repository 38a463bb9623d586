// SPDX-License-Identifier: Apache-2.0
// The tape: every op ends in one call of record(). What reads it: backward(), trace().
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/graph/graph.h"

namespace octet {

/// needs[i]: input i of the op needs a gradient.
using NeedsGrad = std::vector<bool>;

/// From d(loss)/d(output) to one gradient per input; undefined where not needed. Only the engine accumulates.
using Backward = std::function<std::vector<Tensor>(const Tensor& dy, const NeedsGrad& needs)>;

/// Builds an op's attributes; called only while a trace is being taken.
using DescribeOp = std::function<Attributes()>;

/// Puts `output` on the tape as the result of `op` on `inputs` (undefined = an absent optional input), and shows it to
/// the trace being taken, if any. Without NoGrad and with an input that requires a gradient, `backward` is kept and
/// `output` requires one, too. `backward` captures only what it reads, never `output` itself (use detach()): that
/// would be a cycle.
Tensor record(const char* op, Tensor output, std::span<const Tensor> inputs, const DescribeOp& attributes,
              Backward backward);
inline Tensor record(const char* op, Tensor output, std::initializer_list<Tensor> inputs, const DescribeOp& attributes,
                     Backward backward) {
  return record(op, std::move(output), std::span(inputs.begin(), inputs.size()), attributes, std::move(backward));
}

/// While one lives, nothing of this thread is put on the tape.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

/// True if ops of this thread are put on the tape.
bool grad_enabled();

}  // namespace octet
