// SPDX-License-Identifier: Apache-2.0
// trace(): one run of a module under a TraceRecorder, after which the module is as before.
#include <algorithm>
#include <utility>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/autograd/trace.h"
#include "octet/nn/module.h"

namespace octet {
namespace {

// Buffers and counters of a module: put back when the object dies, also when the run throws. Parameters need no copy,
// because a forward pass does not write to them. A buffer that nobody wrote to is left alone: for who keeps something
// made of it, a write is a change.
class KeepState {
 public:
  explicit KeepState(Module& module) : counters_(module.named_counters()) {
    for (const NamedTensor& buffer : module.named_buffers())
      buffers_.push_back({buffer.tensor, buffer.tensor.clone(), buffer.tensor.version()});
    for (const NamedCounter& counter : counters_) counts_.push_back(*counter.value);
  }
  ~KeepState() {
    for (Buffer& b : buffers_)
      if (b.live.version() != b.version)
        std::ranges::copy(std::as_const(b.copy).values(), b.live.mutable_values().begin());
    for (std::size_t i = 0; i < counters_.size(); ++i) *counters_[i].value = counts_[i];
  }
  KeepState(const KeepState&) = delete;
  KeepState& operator=(const KeepState&) = delete;

 private:
  struct Buffer {
    Tensor live, copy;
    std::uint64_t version;
  };
  std::vector<Buffer> buffers_;
  std::vector<NamedCounter> counters_;
  std::vector<std::int64_t> counts_;
};

}  // namespace

Graph trace(Module& module, const Tensor& input) {
  const KeepState keep(module);
  const NoGrad no_grad;
  std::vector<std::pair<std::string, Tensor>> named;
  for (auto& [name, tensor] : module.named_parameters()) named.emplace_back(name, tensor);
  for (auto& [name, tensor] : module.named_buffers()) named.emplace_back(name, tensor);

  TraceRecorder recorder({&input, 1}, named);
  const Tensor output = module(input);
  return recorder.finish({&output, 1});
}

}  // namespace octet
