// SPDX-License-Identifier: Apache-2.0
// Module: a tree of layers with named parameters, buffers and child slots.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/graph/graph.h"

namespace octet {

class Module;

/// A named slot for a child module. What is in it can be replaced (quantization does), the slot stays.
class Child {
 public:
  Child(std::string name, std::unique_ptr<Module> module);
  ~Child();

  /// Runs the child under its name: errors and traces carry the dotted path.
  Tensor operator()(const Tensor& x) const;

  const std::string& name() const { return name_; }
  Module& module() const { return *module_; }
  /// Puts another module in and returns the old one.
  std::unique_ptr<Module> replace(std::unique_ptr<Module> module);

 private:
  std::string name_;
  std::unique_ptr<Module> module_;
};

/// A parameter or buffer with its dotted name, "layer1.0.conv1.weight".
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Base class of layers and models. Owns its children in slots; neither copyable nor movable, see clone().
class Module {
 public:
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& x) = 0;
  Tensor operator()(const Tensor& x) { return forward(x); }

  /// PyTorch's class name: "Conv2d", "BasicBlock".
  virtual std::string type_name() const = 0;
  /// A module of the same make with copies of all parameters, buffers, modes and children (also replaced ones).
  /// Implemented as `return copy_state_to(std::make_unique<MyBlock>(options_));`.
  virtual std::unique_ptr<Module> clone() const = 0;

  /// All trainable tensors of the tree in registration order, depth first, with dotted names.
  std::vector<NamedTensor> named_parameters() const;
  std::vector<Tensor> parameters() const;
  /// All saved but not trained tensors (running statistics), likewise.
  std::vector<NamedTensor> named_buffers() const;
  /// Calls visit(path, module) for this module (path "") and all below it, depth first.
  void visit(const std::function<void(const std::string& path, Module& module)>& visit);
  /// The module at a dotted path. Throws Error with the nearest valid path.
  Module& at(std::string_view path);

  /// Training or evaluation mode of the whole tree. New modules are in training mode.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  const std::vector<std::unique_ptr<Child>>& children() const { return children_; }
  std::int64_t parameter_count() const;

 protected:
  Module() = default;

  /// Adds a child slot that holds a new M(args...). Names: no dots, unique within this module; else Error.
  template <typename M, typename... Args>
  Child& add(std::string name, Args&&... args) {
    return add(std::move(name), std::make_unique<M>(std::forward<Args>(args)...));
  }
  Child& add(std::string name, std::unique_ptr<Module> module);
  /// Registers a trainable tensor (requires_grad is set) and returns it.
  Tensor add_parameter(std::string name, Tensor tensor);
  /// Registers a saved, untrained tensor and returns it.
  Tensor add_buffer(std::string name, Tensor tensor);
  /// Copies this module's values, mode and children into `to`, a module of the same make; returns `to`.
  std::unique_ptr<Module> copy_state_to(std::unique_ptr<Module> to) const;

 private:
  std::vector<std::unique_ptr<Child>> children_;
  std::vector<NamedTensor> parameters_, buffers_;
  bool training_ = true;
};

/// Runs `module` on `inputs` without gradients and returns what the tape saw. The module is not changed: its mode,
/// values and statistics are the same afterwards.
Graph trace(Module& module, const Tensor& input);

}  // namespace octet
