// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>

#include "octet/autograd/trace.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

std::string join(const std::string& path, const std::string& name) { return path.empty() ? name : path + '.' + name; }

// Calls visit(path, module) for the whole tree; M is Module or const Module.
template <typename M, typename Visit>
void walk(M& module, const std::string& path, const Visit& visit) {
  visit(path, module);
  for (const auto& child : module.children()) walk<M>(child->module(), join(path, child->name()), visit);
}

// Whether `module` is `root` or below it.
bool holds(const Module& root, const Module* module) {
  bool found = false;
  if (module) walk(root, "", [&](const std::string&, const Module& one) { found = found || &one == module; });
  return found;
}

std::vector<NamedTensor> collect(const Module& root, const std::vector<NamedTensor>& (Module::*own)() const) {
  std::vector<NamedTensor> all;
  walk(root, "", [&](const std::string& path, const Module& module) {
    for (const auto& [name, tensor] : (module.*own)()) all.push_back({join(path, name), tensor});
  });
  return all;
}

}  // namespace

ModuleLink::ModuleLink(Module* module) {
  if (!module) return;
  if (module->places_.empty()) module->places_.push_back(std::make_shared<Module*>(module));
  place_ = module->places_.front();
}

Child::Child(std::string name, std::unique_ptr<Module> module) : name_(std::move(name)), module_(std::move(module)) {}

Child::~Child() = default;

Tensor Child::operator()(const Tensor& x) const {
  const FloatEnvironment numbers;
  const ContextScope scope(name_);
  if (TraceRecorder* recorder = TraceRecorder::active()) recorder->enter_module();
  if (filter_is_out_) return module_->forward(x);
  require(!input_filter_.broken(),
          "the slot's input filter has been destroyed; set_input_filter() sets another, or none");
  Module* const filter = input_filter_.get();
  return module_->forward(filter ? filter->filter_input(x) : x);
}

void Child::set_input_filter(Module* filter) {
  input_filter_ = ModuleLink(filter);
  filter_is_out_ = false;
}

std::unique_ptr<Module> Child::replace(std::unique_ptr<Module> module) {
  require(module != nullptr, "slot ", name_, ": replace: the new module is null");
  const bool filter_was_inside = filter_is_out_ || holds(*module_, input_filter_.get());
  Module::move_links(*module_, *module);
  filter_is_out_ = filter_was_inside && !holds(*module, input_filter_.get());
  return std::exchange(module_, std::move(module));
}

Module::~Module() {
  for (const std::shared_ptr<Module*>& place : places_) *place = nullptr;
}

Tensor Module::operator()(const Tensor& x) {
  const FloatEnvironment numbers;
  return forward(x);
}

std::string Module::type_name() const {
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, nullptr), std::free);
  const std::string full = demangled ? demangled.get() : typeid(*this).name();
  const std::size_t colons = full.substr(0, full.find('<')).rfind("::");  // a template argument may hold colons, too
  return colons == std::string::npos ? full : full.substr(colons + 2);
}

std::unique_ptr<Module> Module::clone() const { fail(type_name(), ": clone: this class does not override clone()"); }

std::vector<NamedTensor> Module::named_parameters() const {
  std::vector<NamedTensor> all = collect(*this, &Module::own_parameters);
  std::unordered_set<const void*> seen;
  std::erase_if(all, [&](const NamedTensor& named) { return !seen.insert(named.tensor.body().get()).second; });
  return all;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> tensors;
  for (auto& parameter : named_parameters()) tensors.push_back(std::move(parameter.tensor));
  return tensors;
}

std::vector<NamedTensor> Module::named_buffers() const { return collect(*this, &Module::own_buffers); }

std::vector<NamedCounter> Module::own_counters() {
  std::vector<NamedCounter> own;
  for (const auto& counter : counters_) own.push_back({counter->name, &counter->value, counter->in_weights});
  return own;
}

std::vector<NamedCounter> Module::named_counters() {
  std::vector<NamedCounter> all;
  walk(*this, "", [&](const std::string& path, Module& module) {
    for (NamedCounter counter : module.own_counters()) {
      counter.name = join(path, counter.name);
      all.push_back(std::move(counter));
    }
  });
  return all;
}

void Module::visit(const std::function<void(const std::string& path, Module& module)>& visit) {
  walk(*this, "", visit);
}

Child* Module::find_slot(std::string_view path) {
  Module* module = this;
  for (;;) {
    const std::size_t dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    const auto child = std::ranges::find_if(module->children_, [&](const auto& c) { return c->name() == name; });
    if (child == module->children_.end()) return nullptr;
    if (dot == std::string_view::npos) return child->get();
    module = &(*child)->module();
    path.remove_prefix(dot + 1);
  }
}

// Links to modules of one tree become links to those with the same paths in the other; where there is none, they stay.
void Module::move_links(Module& from, Module& to) {
  walk(from, "", [&](const std::string& path, Module& old) {
    if (old.places_.empty()) return;
    Child* const slot = path.empty() ? nullptr : to.find_slot(path);
    if (!slot && !path.empty()) return;
    Module& now = slot ? slot->module() : to;
    for (std::shared_ptr<Module*>& place : old.places_) {
      *place = &now;
      now.places_.push_back(std::move(place));
    }
    old.places_.clear();
  });
}

void Module::fail_unknown_path(std::string_view path) {
  std::vector<std::string> paths;
  walk(*this, "", [&](const std::string& valid, Module&) { paths.push_back(valid); });
  fail(type_name(), ": no module is called ", in_quotes(path), did_you_mean(path, paths));
}

Module& Module::at(std::string_view path) { return path.empty() ? *this : slot(path).module(); }

Child& Module::slot(std::string_view path) {
  Child* const found = find_slot(path);
  if (!found) fail_unknown_path(path);
  return *found;
}

void Module::train(bool on) {  // allocates nothing: destructors call it
  training_ = on;
  for (const auto& child : children_) child->module().train(on);
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const NamedTensor& parameter : named_parameters()) count += parameter.tensor.size();
  return count;
}

void Module::require_new_name(const std::string& name, const char* what) const {
  const auto is_taken = [&](const auto& named) { return named.name == name; };
  require(!name.empty() && name.find('.') == std::string::npos, type_name(), ": the name of a ", what,
          " must not be empty or hold a dot (", in_quotes(name), ")");
  const bool taken = std::ranges::any_of(parameters_, is_taken) || std::ranges::any_of(buffers_, is_taken) ||
                     std::ranges::any_of(counters_, [&](const auto& counter) { return counter->name == name; }) ||
                     std::ranges::any_of(children_, [&](const auto& child) { return child->name() == name; });
  require(!taken, type_name(), ": the name ", in_quotes(name), " of a ", what, " is taken");
}

Child& Module::add(std::string name, std::unique_ptr<Module> module) {
  require_new_name(name, "child");
  require(module != nullptr, type_name(), ": the child ", in_quotes(name), " is null");
  return *children_.emplace_back(std::make_unique<Child>(std::move(name), std::move(module)));
}

Tensor Module::add_parameter(std::string name, Tensor tensor) {
  return add_shared_parameter(std::move(name), std::move(tensor)).set_requires_grad();
}

Tensor Module::add_shared_parameter(std::string name, Tensor tensor) {
  require_new_name(name, "parameter");
  require(tensor.defined(), type_name(), ": the parameter ", in_quotes(name), " is undefined");
  parameters_.push_back({std::move(name), tensor});
  return tensor;
}

Tensor Module::add_buffer(std::string name, Tensor tensor) {
  require_new_name(name, "buffer");
  require(tensor.defined(), type_name(), ": the buffer ", in_quotes(name), " is undefined");
  buffers_.push_back({std::move(name), tensor});
  return tensor;
}

std::int64_t& Module::add_counter(std::string name, bool in_weights) {
  require_new_name(name, "counter");
  return counters_.emplace_back(std::make_unique<Counter>(Counter{std::move(name), in_weights}))->value;
}

// The copies of a tree's modules and tensors while copy_state_to() makes them, which it does from the root down. When
// it returns to the root, links between modules are set to the copies.
class CopiedTree {
 public:
  CopiedTree() : outer_(current) {
    if (!outer_) current = this;
  }
  ~CopiedTree() {
    if (!outer_) current = nullptr;
  }
  CopiedTree(const CopiedTree&) = delete;
  CopiedTree& operator=(const CopiedTree&) = delete;

  void add(const Module& original, Module& copy) {
    CopiedTree& tree = outer_ ? *outer_ : *this;
    tree.copies_.emplace(&original, &copy);
    if (!outer_) relink();
  }

  static Tensor copy_of(const Tensor& original) {
    if (!current || !original.defined()) return original.defined() ? original.clone() : Tensor();
    const auto known = current->tensors_.find(original.body().get());
    if (known != current->tensors_.end()) return known->second;
    return current->tensors_.emplace(original.body().get(), original.clone()).first->second;
  }

  void copy(const std::vector<NamedTensor>& from, const std::vector<NamedTensor>& to, const std::string& type) {
    CopiedTree& tree = outer_ ? *outer_ : *this;
    require(from.size() == to.size(), type, ": clone: the new module has ", to.size(), " tensors, this one ",
            from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      const Tensor& source = from[i].tensor;
      Tensor target = to[i].tensor;
      require(from[i].name == to[i].name && source.shape() == target.shape() && source.layout() == target.layout(),
              type, ": clone: the new module has ", to[i].name, ' ', target.shape(), " where this one has ",
              from[i].name, ' ', source.shape());
      require(tree.tensors_.emplace(source.body().get(), target).first->second.same_as(target), type,
              ": clone: ", from[i].name,
              " is also a tensor of another module, but its copy is not; make the new module with ", "copy_of() of it");
      std::ranges::copy(source.values(), target.mutable_values().begin());
      target.set_requires_grad(source.requires_grad());
    }
  }

 private:
  void relink() const {
    const Module::CopyOf copy_of = [this](const Module& original) -> Module& {
      const auto found = copies_.find(&original);
      require(found != copies_.end(), original.type_name(),
              ": clone: it is used by what is cloned, but not part of it; clone the whole model");
      return *found->second;
    };
    for (const auto& [original, copy] : copies_) {
      copy->relink(copy_of);
      for (const auto& child : original->children()) {
        Child& slot = *copy->find_slot(child->name());
        if (const Module* const filter = child->input_filter())
          slot.set_input_filter(&copy_of(*filter));
        else if (!child->filter_is_out_)
          slot.input_filter_ = child->input_filter_;  // none, or one that is gone, which the copy must tell as well
      }
    }
  }

  inline static thread_local CopiedTree* current = nullptr;
  CopiedTree* const outer_;
  std::unordered_map<const Module*, Module*> copies_;
  std::unordered_map<const void*, Tensor> tensors_;  // by the body of the original
};

Tensor Module::copy_of(const Tensor& tensor) { return CopiedTree::copy_of(tensor); }

std::unique_ptr<Module> Module::copy_state_to(std::unique_ptr<Module> to) const {
  CopiedTree tree;
  const std::string type = type_name();
  require(to != nullptr && typeid(*to) == typeid(*this), type, ": clone: the new module is no ", type);
  tree.copy(parameters_, to->parameters_, type);
  tree.copy(buffers_, to->buffers_, type);
  require(counters_.size() == to->counters_.size(), type, ": clone: the new module has other counters");
  for (std::size_t i = 0; i < counters_.size(); ++i) to->counters_[i]->value = counters_[i]->value;
  to->training_ = training_;

  // Children are cloned whole, not filled in: what a slot holds now need not be what the constructor put there.
  for (const auto& child : children_) {
    std::unique_ptr<Module> copy = child->module().clone();
    Child* const slot = to->find_slot(child->name());
    if (slot) slot->replace(std::move(copy));
    if (!slot) to->add(child->name(), std::move(copy));
  }
  require(to->children_.size() == children_.size(), type, ": clone: the new module has children that this one lacks");
  tree.add(*this, *to);
  return to;
}

}  // namespace octet
