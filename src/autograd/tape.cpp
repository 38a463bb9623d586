// SPDX-License-Identifier: Apache-2.0
// The tape is not a list: each result points at its entry, each entry at its inputs. Entries carry the order in which
// they were recorded, so "newest first" visits every reader of a tensor before its producer, without a sort and without
// recursion. An entry is emptied as soon as it has run, which frees what its closure held.
#include "octet/autograd/tape.h"

#include <atomic>
#include <queue>
#include <unordered_map>

#include "octet/autograd/epilogue.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/trace.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"

namespace octet {

using detail::TapeNode;
using detail::TensorBody;

namespace {

thread_local bool recording = true;
std::atomic<std::uint64_t> next_sequence{1};

// Destroying an entry can destroy the tensors it held, whose entries go too, and so on down the tape: done by a list
// here, because the call stack is too small for long tapes.
void destroy_iteratively(std::shared_ptr<TapeNode> node) {
  thread_local std::vector<std::shared_ptr<TapeNode>> waiting;
  thread_local bool working = false;
  waiting.push_back(std::move(node));
  if (working) return;
  working = true;
  while (!waiting.empty()) {
    const std::shared_ptr<TapeNode> last = std::move(waiting.back());
    waiting.pop_back();
  }
  working = false;
}

}  // namespace

TensorBody::~TensorBody() {
  if (node) destroy_iteratively(std::move(node));
}

bool grad_enabled() { return recording; }

NoGrad::NoGrad() : before_(recording) { recording = false; }

NoGrad::~NoGrad() { recording = before_; }

Tensor record(const char* op, Tensor output, std::span<const Tensor> inputs, const DescribeOp& attributes,
              Backward backward) {
  if (TraceRecorder* trace = TraceRecorder::active())
    trace->note(op, output, inputs, attributes ? attributes() : Attributes{});
  if (!recording) return output;
  auto node = std::make_shared<TapeNode>();
  bool needed = false;
  for (const Tensor& t : inputs) {
    const bool needs = t.defined() && t.requires_grad();
    node->inputs.push_back(needs ? t.body() : nullptr);
    needed |= needs;
  }
  if (!needed) return output;
  node->sequence = next_sequence++;
  node->op = op;
  node->backward = std::move(backward);
  output.body()->requires_grad = true;
  output.body()->node = std::move(node);
  return output;
}

namespace {

// Gradients on their way to tensors. Two contributions wait as a lazy sum, which fused ops read as it is.
class Gradients {
 public:
  void add(const std::shared_ptr<TensorBody>& to, Tensor gradient) {
    Tensor& slot = slots_[to.get()];
    slot = slot.defined() ? detail::lazy_sum(slot, gradient) : std::move(gradient);
  }
  Tensor take(const TensorBody* of) {
    const auto found = slots_.find(of);
    Tensor gradient = std::move(found->second);
    slots_.erase(found);
    return gradient;
  }

 private:
  std::unordered_map<const TensorBody*, Tensor> slots_;
};

// The gradients of leaves, which are as they were before unless all of a backward pass succeeds.
class LeafGradients {
 public:
  ~LeafGradients() {
    if (!complete_)
      for (auto& [leaf, before] : before_) leaf->grad = std::move(before);
  }
  void add(const std::shared_ptr<TensorBody>& leaf, const Tensor& gradient) {
    // The leaf gets values of its own, computed now: clipping writes to them.
    const bool shared = gradient.body().use_count() > 1 || gradient.body()->storage.use_count() > 1;
    Tensor total = leaf->grad.defined() ? detail::lazy_sum(leaf->grad, gradient) : shared ? gradient.clone() : gradient;
    total.values();
    before_.try_emplace(leaf, leaf->grad);
    leaf->grad = std::move(total);
  }
  void complete() { complete_ = true; }

 private:
  std::unordered_map<std::shared_ptr<TensorBody>, Tensor> before_;
  bool complete_ = false;
};

void check_gradients(const TapeNode& node, const std::vector<Tensor>& gradients) {
  require(gradients.size() == node.inputs.size(), node.op, ": backward returned ", gradients.size(), " gradients for ",
          node.inputs.size(), " inputs");
  for (std::size_t i = 0; i < gradients.size(); ++i)
    if (node.inputs[i])
      require(gradients[i].defined() && gradients[i].shape() == node.inputs[i]->shape &&
                  gradients[i].layout() == node.inputs[i]->layout,
              node.op, ": backward returned no gradient of shape ", node.inputs[i]->shape,
              " and equal layout for input ", i);
}

}  // namespace

void Tensor::backward() const {
  require(size() == 1, "backward: the loss must have one element, got shape ", shape(),
          " (give a gradient for other shapes)");
  backward(full(shape(), 1.0F));
}

void Tensor::backward(const Tensor& gradient) const {
  require(defined(), "backward: the tensor is undefined");
  detail::check_gradient_fits("backward", gradient, *body_);
  require(requires_grad(), "backward: nothing that this tensor comes from requires a gradient");
  const NoGrad no_grad;
  const FloatEnvironment numbers;
  LeafGradients leaves;
  if (!body_->node) {
    leaves.add(body_, gradient.clone());
    return leaves.complete();
  }

  const auto older = [](const std::shared_ptr<TensorBody>& a, const std::shared_ptr<TensorBody>& b) {
    return a->node->sequence < b->node->sequence;
  };
  std::priority_queue<std::shared_ptr<TensorBody>, std::vector<std::shared_ptr<TensorBody>>, decltype(older)> waiting(
      older);
  std::unordered_map<const TensorBody*, bool> queued;
  Gradients gradients;
  gradients.add(body_, gradient);
  waiting.push(body_);
  while (!waiting.empty()) {
    const std::shared_ptr<TensorBody> body = waiting.top();
    waiting.pop();
    TapeNode& node = *body->node;
    require(static_cast<bool>(node.backward), node.op, ": backward has already run through this op and freed it");
    NeedsGrad needs;
    for (const auto& input : node.inputs) needs.push_back(input != nullptr);
    std::vector<Tensor> results = node.backward(gradients.take(body.get()), needs);
    node.backward = nullptr;
    check_gradients(node, results);
    for (std::size_t i = 0; i < results.size(); ++i) {
      std::shared_ptr<TensorBody> input = std::move(node.inputs[i]);
      if (!input) continue;
      if (!input->node) {
        leaves.add(input, results[i]);
      } else {
        gradients.add(input, std::move(results[i]));
        if (bool& already = queued[input.get()]; !already) {
          already = true;
          waiting.push(std::move(input));
        }
      }
    }
    queued.erase(body.get());
  }
  leaves.complete();
}

}  // namespace octet
