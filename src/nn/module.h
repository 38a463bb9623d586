// SPDX-License-Identifier: Apache-2.0
// Module: a tree of layers with named parameters, buffers and child slots.
#pragma once

#include <cstdint>
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

/// A reference from one module to another that cannot dangle. It follows the place of what it refers to: when that, or
/// a module that holds it, is replaced in its slot, it refers to what has the same path then, if there is such.
class ModuleLink {
 public:
  ModuleLink() = default;
  explicit ModuleLink(Module* module);  ///< null: to nothing

  /// Null if it refers to nothing, or to a module that has been destroyed.
  Module* get() const { return place_ ? *place_ : nullptr; }
  bool broken() const { return place_ && !*place_; }

 private:
  std::shared_ptr<Module*> place_;
};

/// A named slot for a child module. What is in it can be replaced (quantization does), the slot stays.
class Child {
 public:
  Child(std::string name, std::unique_ptr<Module> module);
  ~Child();

  /// Runs the child under its name: errors and traces carry the dotted path.
  Tensor operator()(const Tensor& x) const;

  const std::string& name() const { return name_; }
  Module& module() const { return *module_; }
  /// Puts another module in and returns the old one. What referred to the old one (an input filter, a layer that shares
  /// its quantizer), or to a module in it, refers to what has its path now.
  std::unique_ptr<Module> replace(std::unique_ptr<Module> module);

  /// What the child is called with passes through `filter`'s filter_input() first: a module of the same tree, for
  /// example the layer that quantizes what the whole block reads. Null: none. A filter that lies in the child goes with
  /// it when it is replaced by one that has no module in that place, and comes back with it. Once a filter elsewhere
  /// has been destroyed, calls throw Error until another one, or none, is set.
  void set_input_filter(Module* filter);
  Module* input_filter() const { return filter_is_out_ ? nullptr : input_filter_.get(); }

 private:
  friend class CopiedTree;

  std::string name_;
  std::unique_ptr<Module> module_;
  ModuleLink input_filter_;
  bool filter_is_out_ = false;  // it went with a module that was replaced
};

/// A parameter or buffer with its dotted name, "layer1.0.conv1.weight".
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// An integer of a module with its dotted name; `value` points into the module.
struct NamedCounter {
  std::string name;
  std::int64_t* value;
  bool in_weights;  ///< false: needed to continue a run (a random position), unknown to weight files
};

namespace detail {
template <typename M>
concept HasOptions = requires {
  typename M::Options;
};
}  // namespace detail

/// Base class of layers and models. Owns its children in slots; neither copyable nor movable, see clone().
/// Threads: in evaluation mode any number of them may call one module at once, each with inputs that nobody writes to
/// meanwhile; so that layers of your own keep this promise, forward() in evaluation writes to no member. Training,
/// train(), eval() and whatever writes to parameters want the module alone.
class Module {
 public:
  virtual ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& x) = 0;
  /// What the input of a slot becomes whose input filter this module is.
  virtual Tensor filter_input(const Tensor& x) { return x; }
  Tensor operator()(const Tensor& x);

  /// The class name without namespaces, as PyTorch prints it: "Conv2d", "BasicBlock".
  virtual std::string type_name() const;
  /// A module of the same make with copies of all parameters, buffers, modes and children (also replaced ones).
  /// A class that wants it writes `return copy_state_to(std::make_unique<MyBlock>(options_, rng));`; without, Error.
  /// Tensors that modules of the tree share are shared by their copies: see copy_of().
  virtual std::unique_ptr<Module> clone() const;

  /// All trainable tensors of the tree in registration order, depth first, with dotted names. One that modules share
  /// comes once, under its first name.
  std::vector<NamedTensor> named_parameters() const;
  std::vector<Tensor> parameters() const;
  /// All saved but not trained tensors (running statistics), likewise.
  std::vector<NamedTensor> named_buffers() const;
  /// All saved integers (batches seen by a BatchNorm), likewise.
  std::vector<NamedCounter> named_counters();

  /// Calls visit(path, module) for this module (path "") and all below it, depth first, parents first.
  void visit(const std::function<void(const std::string& path, Module& module)>& visit);
  /// The module at a dotted path, "" for this one. Throws Error with the nearest valid path.
  Module& at(std::string_view path);
  /// The slot at a dotted path, whose module can be replaced. Throws Error with the nearest valid path.
  Child& slot(std::string_view path);

  /// Training or evaluation mode of the whole tree. New modules are in training mode.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  const std::vector<std::unique_ptr<Child>>& children() const { return children_; }
  /// This module's own tensors, without those of its children.
  const std::vector<NamedTensor>& own_parameters() const { return parameters_; }
  const std::vector<NamedTensor>& own_buffers() const { return buffers_; }
  std::vector<NamedCounter> own_counters();
  /// Number of trainable values in the tree.
  std::int64_t parameter_count() const;

 protected:
  Module() = default;

  /// Adds a child slot that holds a new M. Names: not empty, no dots, unique within this module; else Error.
  /// M's options may be a braced list: add<Conv2d>("conv1", {.in_channels = 3, ...}, rng).
  template <typename M, typename... Args>
  Child& add(std::string name, typename M::Options options, Args&&... args) {
    return add(std::move(name), std::make_unique<M>(std::move(options), std::forward<Args>(args)...));
  }
  template <typename M, typename... Args>
  requires(!detail::HasOptions<M> || sizeof...(Args) == 0) Child& add(std::string name, Args&&... args) {
    return add(std::move(name), std::make_unique<M>(std::forward<Args>(args)...));
  }
  Child& add(std::string name, std::unique_ptr<Module> module);

  /// Registers a trainable tensor (requires_grad is set) and returns it. Names as for add().
  Tensor add_parameter(std::string name, Tensor tensor);
  /// The same for a tensor that another module trains, too, or has frozen: its requires_grad stays as it is.
  Tensor add_shared_parameter(std::string name, Tensor tensor);
  /// Registers a saved, untrained tensor and returns it.
  Tensor add_buffer(std::string name, Tensor tensor);
  /// Registers a saved integer, 0 at first; the reference lives as long as the module.
  std::int64_t& add_counter(std::string name, bool in_weights = true);
  /// For clone() of a class that is made around tensors which other modules may share: the copy of a tensor, the same
  /// one wherever it is asked for while a tree is copied. Undefined for an undefined one.
  static Tensor copy_of(const Tensor& tensor);
  /// Copies this module's values, mode and children into `to`, a module of the same make; returns `to`. Throws Error if
  /// it shares a tensor with another module of the tree and `to` does not share its copy.
  std::unique_ptr<Module> copy_state_to(std::unique_ptr<Module> to) const;
  /// Where the module of the copied tree is that stands for one of the original; Error if that is not in the tree.
  using CopyOf = std::function<Module&(const Module& original)>;
  /// Called on a copy once its whole tree is copied: pointers to other modules must become those of their copies.
  virtual void relink(const CopyOf&) {}

 private:
  friend class Child;
  friend class CopiedTree;
  friend class ModuleLink;
  struct Counter {
    std::string name;
    bool in_weights;
    std::int64_t value = 0;
  };

  void require_new_name(const std::string& name, const char* what) const;
  Child* find_slot(std::string_view path);
  static void move_links(Module& from, Module& to);
  [[noreturn]] void fail_unknown_path(std::string_view path);

  std::vector<std::unique_ptr<Child>> children_;
  std::vector<NamedTensor> parameters_, buffers_;
  std::vector<std::unique_ptr<Counter>> counters_;  // pointers, because add_counter() gives references
  std::vector<std::shared_ptr<Module*>> places_;    // of the links to this module
  bool training_ = true;
};

/// Runs `module` on `input` without gradients and returns what the tape saw. The module is not changed: its mode,
/// values and statistics are the same afterwards.
Graph trace(Module& module, const Tensor& input);

}  // namespace octet
