// SPDX-License-Identifier: Apache-2.0
// Watches the tape and writes down what it sees as a Graph.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/graph/graph.h"

namespace octet {

/// While one lives, every record() of this thread is noted, and no op is fused with another. One at a time per thread.
class TraceRecorder {
 public:
  /// `inputs` become the graph's inputs; `parameters` are tensors with the names they have in the module.
  TraceRecorder(std::span<const Tensor> inputs, std::span<const std::pair<std::string, Tensor>> parameters);
  ~TraceRecorder();
  TraceRecorder(const TraceRecorder&) = delete;
  TraceRecorder& operator=(const TraceRecorder&) = delete;

  /// The graph so far, with `outputs` as its outputs. Throws Error if one of them was not seen.
  Graph finish(std::span<const Tensor> outputs);

  /// The recorder at work in this thread, or null.
  static TraceRecorder* active();
  /// Notes that the module at the current context path is being run (once more).
  void enter_module();
  /// Notes an op; called by record().
  void note(const char* op, const Tensor& output, std::span<const Tensor> inputs, Attributes attributes);

 private:
  int value_of(const Tensor& t);
  int add_value(const Tensor& t, Value value);

  Graph graph_;
  std::map<const void*, int> known_;     // tensor body -> value
  std::vector<Tensor> kept_;             // so that no body's address is used twice
  std::map<std::string, int> calls_;     // module path -> calls so far
  std::map<std::string, int> op_count_;  // for names
};

}  // namespace octet
