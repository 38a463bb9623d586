// SPDX-License-Identifier: Apache-2.0
// The models that the golden files describe: modules under dotted names, and ops between them. What the files ask of
// them are layers, shapes and who reads what; where Octet lacks an op, another takes its place in the graph.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "support/golden_layers.h"

namespace octet::test {

/// A module that has children and nothing else.
class GoldenGroup : public Module {
 public:
  Tensor forward(const Tensor&) override { throw std::logic_error("a group does not run"); }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<GoldenGroup>()); }
  using Module::add;
};

class GoldenModel final : public Module {
 public:
  explicit GoldenModel(const GoldenJson& description) : description_(description) {
    for (const auto& module : description.at("modules")) add_module(module);
  }

  Tensor forward(const Tensor& x) override {
    std::map<std::string, Tensor> values;
    for (const auto& input : description_.at("inputs")) {  // a Module has one input: others are constants
      const Shape shape = input.at("shape").get<Shape>();
      values[input.at("name")] = values.empty() ? x : Tensor::full(shape, 0.5F);
    }
    for (const auto& op : description_.at("ops")) values[op.at("output")] = run(op, values);
    return output(values);
  }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<GoldenModel>(description_)); }

  /// An input of the described shape, in the order in memory that its first reader asks for.
  static Tensor input(const GoldenJson& description) {
    const GoldenJson& first = description.at("inputs").at(0);
    const Shape shape = first.at("shape").get<Shape>();
    const bool rows = shape.size() != 4 || is_read_by_linear(description, first.at("name"));
    Rng rng(3);
    Tensor x = Tensor::empty(shape, rows ? Layout::kRowMajor : Layout::kChannelsLast);
    for (float& value : x.mutable_values()) value = rng.normal();
    return x;
  }

 private:
  static bool is_read_by_linear(const GoldenJson& description, const std::string& value) {
    for (const auto& op : description.at("ops")) {
      if (op.at("inputs").at(0) != value || op.at("op") != "module") continue;
      for (const auto& module : description.at("modules"))
        if (module.at("name") == op.at("module")) return module.at("type") == "Linear";
    }
    return false;
  }

  // A Module has one output: of several the means are added up, so that all are reached.
  Tensor output(const std::map<std::string, Tensor>& values) const {
    const auto names = description_.at("outputs").get<std::vector<std::string>>();
    if (names.size() == 1) return values.at(names[0]);
    Tensor sum = mean(values.at(names.at(0)));
    for (std::size_t i = 1; i < names.size(); ++i) sum = sum + mean(values.at(names[i]));
    return sum;
  }

  void add_module(const GoldenJson& module) {
    std::string name = module.at("name").get<std::string>();
    Module* parent = this;
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
      parent = &group(*parent, name.substr(0, dot));
      name.erase(0, dot + 1);
    }
    std::unique_ptr<Module> made = make(module);
    parent == this ? void(add(name, std::move(made)))
                   : void(static_cast<GoldenGroup*>(parent)->add(name, std::move(made)));
  }

  Module& group(Module& parent, const std::string& name) {
    for (const auto& child : parent.children())
      if (child->name() == name) return child->module();
    if (&parent == this) return add<GoldenGroup>(name).module();
    return static_cast<GoldenGroup&>(parent).add<GoldenGroup>(name).module();
  }

  // One object under two names, or in two layers one weight: in Octet that is layers around one tensor.
  std::unique_ptr<Module> make(const GoldenJson& module) {
    const std::string type = module.at("type").get<std::string>();
    if (module.contains("alias_of")) {
      const Module& first = at(module["alias_of"].get<std::string>());
      const WeightAndBias shared = weight_and_bias(first);
      return shared.weight.defined() ? around(first, shared) : first.clone();
    }
    std::unique_ptr<Module> own = golden_layer(type, module.at("args"));
    if (!module.contains("share_weight_with")) return own;
    const Module& other = at(module["share_weight_with"].get<std::string>());
    return around(*own, {weight_and_bias(other).weight, weight_and_bias(*own).bias});
  }

  Tensor run(const GoldenJson& op, const std::map<std::string, Tensor>& values) {
    std::vector<Tensor> in;
    for (const auto& name : op.at("inputs")) in.push_back(values.at(name.get<std::string>()));
    const std::string kind = op.at("op").get<std::string>();
    const GoldenJson attrs = op.value("attrs", GoldenJson::object());
    if (kind == "module") return call(op.at("module").get<std::string>(), in[0]);
    if (kind == "add") return octet::add(in[0], in[1]);
    if (kind == "relu") return relu(in[0]);
    if (kind == "cat") return cat(in, attrs.at("dim").get<std::int64_t>());
    if (kind == "flatten") return flatten(in[0], attrs.at("start_dim").get<std::int64_t>(), attrs.value("end_dim", -1));
    if (kind == "reshape") return reshape(in[0], attrs.at("shape").get<Shape>());
    if (kind == "mean") return mean_over(in[0], attrs);
    if (kind == "permute") {  // Octet has none; one that moves no value has its place and its shape
      Shape shape;
      for (const auto& dim : attrs.at("dims")) shape.push_back(in[0].dim(dim.get<std::size_t>()));
      return reshape(in[0], shape);
    }
    if (kind == "unsqueeze") {
      Shape shape = in[0].shape();
      const auto dim = attrs.at("dim").get<std::ptrdiff_t>();
      shape.insert(dim < 0 ? shape.end() + dim + 1 : shape.begin() + dim, 1);
      return reshape(in[0], shape);
    }
    // mul does not broadcast in Octet; a product by one value has the same place in the graph.
    if (kind == "mul") return mul(in[0], in[0].shape() == in[1].shape() ? in[1] : mean(in[1]));
    throw NoSuchLayer(kind);
  }

  // Over neighbouring dimensions: of [A, D, B] over D, as rows of an image.
  static Tensor mean_over(const Tensor& x, const GoldenJson& attrs) {
    const auto rank = static_cast<std::int64_t>(x.rank());
    std::vector<std::int64_t> dims;
    for (const auto& dim : attrs.at("dims")) dims.push_back((dim.get<std::int64_t>() + rank) % rank);
    std::ranges::sort(dims);
    const std::int64_t first = dims.front(), last = dims.back();
    if (last - first + 1 != std::ssize(dims)) throw NoSuchLayer("mean");
    Shape kept, left;
    std::int64_t before = 1, inside = 1, behind = 1;
    for (std::int64_t i = 0; i < rank; ++i) {
      const std::int64_t size = x.dim(static_cast<std::size_t>(i));
      (i < first ? before : i > last ? behind : inside) *= size;
      kept.push_back(i < first || i > last ? size : 1);
      if (i < first || i > last) left.push_back(size);
    }
    const bool keeps = attrs.value("keepdim", false);
    if (rank == 4 && first == 2 && last == 3) {
      const Tensor y = adaptive_avg_pool2d(x, 1);
      return keeps ? y : flatten(y);
    }
    return reshape(adaptive_avg_pool2d(reshape(x, {before, 1, inside, behind}), {1, behind}), keeps ? kept : left);
  }

  // Through the slots, so that the trace has the dotted path.
  Tensor call(const std::string& path, const Tensor& x) {
    std::vector<std::string> names;
    std::size_t start = 0;
    for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', start)) {
      names.push_back(path.substr(start, dot - start));
      start = dot + 1;
    }
    std::vector<std::unique_ptr<ContextScope>> scopes;
    for (const std::string& name : names) scopes.push_back(std::make_unique<ContextScope>(name));
    const Tensor y = call_slot(slot(path), x);
    while (!scopes.empty()) scopes.pop_back();
    return y;
  }

  // A linear layer reads rows: an image is given to it as a list of them.
  static Tensor call_slot(Child& layer, const Tensor& x) {
    const bool image = x.rank() == 4 && x.layout() == Layout::kChannelsLast;
    if (!image || !dynamic_cast<const Linear*>(&layer.module())) return layer(x);
    const Tensor y = layer(reshape(x, {x.dim(0) * x.dim(1), x.dim(2), x.dim(3)}));
    return reshape(y, {x.dim(0), x.dim(1), x.dim(2), y.dim(2)});
  }

  GoldenJson description_;
};

/// The layers that have a second name: Octet quantizes none of them (Q19).
inline std::vector<std::string> aliased_layers(const GoldenJson& description) {
  std::vector<std::string> names;
  for (const auto& module : description.at("modules"))
    if (module.contains("alias_of")) names.push_back(module["alias_of"].get<std::string>());
  return names;
}

}  // namespace octet::test
