// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/trace.h"

#include "octet/base/error.h"

namespace octet {
namespace {

thread_local TraceRecorder* current = nullptr;

}  // namespace

TraceRecorder::TraceRecorder(std::span<const Tensor> inputs,
                             std::span<const std::pair<std::string, Tensor>> parameters) {
  require(!current, "trace: one is already being taken in this thread");
  for (const auto& [name, tensor] : parameters)
    if (!known_.contains(tensor.body().get())) add_value(tensor, {Value::Kind::kParameter, name, tensor.shape(), -1});
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = inputs.size() == 1 ? "input" : text("input", i);
    graph_.inputs.push_back(add_value(inputs[i], {Value::Kind::kInput, name, inputs[i].shape(), -1}));
  }
  current = this;
}

TraceRecorder::~TraceRecorder() { current = nullptr; }

TraceRecorder* TraceRecorder::active() { return current; }

void TraceRecorder::enter_module() { ++calls_[ContextScope::path()]; }

void TraceRecorder::note(const char* op, const Tensor& output, std::span<const Tensor> inputs, Attributes attributes) {
  Node node;
  node.op = op;
  node.module = ContextScope::path();
  if (const auto found = calls_.find(node.module); found != calls_.end()) node.call = found->second - 1;
  for (const Tensor& t : inputs) node.inputs.push_back(t.defined() ? value_of(t) : -1);
  node.output = add_value(output, {Value::Kind::kResult, text(op, '_', op_count_[op]++), output.shape(),
                                   static_cast<int>(graph_.nodes.size())});
  node.attributes = std::move(attributes);
  graph_.nodes.push_back(std::move(node));
}

Graph TraceRecorder::finish(std::span<const Tensor> outputs) {
  for (const Tensor& t : outputs) {
    const auto found = known_.find(t.body().get());
    require(found != known_.end(), "trace: an output does not come from the inputs by ops of this library");
    graph_.outputs.push_back(found->second);
  }
  return graph_;
}

int TraceRecorder::value_of(const Tensor& t) {
  if (const auto found = known_.find(t.body().get()); found != known_.end()) return found->second;
  return add_value(t, {Value::Kind::kConstant, text("constant_", op_count_["constant"]++), t.shape(), -1});
}

int TraceRecorder::add_value(const Tensor& t, Value value) {
  const int index = static_cast<int>(graph_.values.size());
  graph_.values.push_back(std::move(value));
  known_[t.body().get()] = index;
  kept_.push_back(t);
  return index;
}

}  // namespace octet
