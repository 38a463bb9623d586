// SPDX-License-Identifier: Apache-2.0
// The models that the golden files describe: modules under dotted names, and ops between them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/nn/layers.h"
#include "octet/quant/qat_layers.h"
#include "support/golden_qat_modules.h"

namespace octet::test {

/// Thrown for a description that Octet has no layer for; what() is the layer's type.
struct NoSuchLayer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A module that has children and nothing else.
class GoldenGroup : public Module {
 public:
  Tensor forward(const Tensor&) override { throw std::logic_error("a group does not run"); }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<GoldenGroup>()); }
  using Module::add;
};

/// A layer that quantization must not take for a Conv2d.
class MyConv2d final : public Module {
 public:
  explicit MyConv2d(const Conv2d& like) : like_(like.options(), like.weight(), like.bias()) {}
  Tensor forward(const Tensor& x) override { return like_.forward(x); }
  std::unique_ptr<Module> clone() const override { return std::make_unique<MyConv2d>(like_); }

 private:
  Conv2d like_;
};

class GoldenModel final : public Module {
 public:
  explicit GoldenModel(const nlohmann::json& description) : description_(description) {
    for (const auto& module : description.at("modules")) add_module(module);
  }

  Tensor forward(const Tensor& x) override {
    std::map<std::string, Tensor> values;
    for (const auto& input : description_.at("inputs")) {  // a Module has one input: others are constants
      const Shape shape = input.at("shape").get<Shape>();
      values[input.at("name")] = values.empty() ? x : Tensor::full(shape, 0.5F);
    }
    for (const auto& op : description_.at("ops")) values[op.at("output")] = run(op, values);
    return values.at(description_.at("outputs").at(0).get<std::string>());
  }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<GoldenModel>(description_)); }

  /// An input of the described shape, in the order in memory that its readers ask for.
  static Tensor input(const nlohmann::json& description) {
    const Shape shape = description.at("inputs").at(0).at("shape").get<Shape>();
    const bool rows = description.at("modules").at(0).at("type") == "Linear" || shape.size() != 4;
    Rng rng(3);
    Tensor x = Tensor::empty(shape, rows ? Layout::kRowMajor : Layout::kChannelsLast);
    for (float& value : x.mutable_values()) value = rng.normal();
    return x;
  }

 private:
  void add_module(const nlohmann::json& module) {
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
  std::unique_ptr<Module> make(const nlohmann::json& module) {
    if (module.contains("alias_of")) {
      const auto& first = dynamic_cast<const Conv2d&>(at(module["alias_of"].get<std::string>()));
      return std::make_unique<Conv2d>(first.options(), first.weight(), first.bias());
    }
    const std::string type = module.at("type").get<std::string>();
    const nlohmann::json& args = module.at("args");
    if (module.contains("share_weight_with")) {
      const auto& other = dynamic_cast<const Conv2d&>(at(module["share_weight_with"].get<std::string>()));
      const auto own = golden_float_module(type, args);
      const auto& conv = dynamic_cast<const Conv2d&>(*own);
      return std::make_unique<Conv2d>(conv.options(), other.weight(), conv.bias());
    }
    return make_layer(type, args);
  }

  static std::unique_ptr<Module> make_layer(const std::string& type, const nlohmann::json& args) {
    if (type == "Conv2d" || type == "ConvTranspose2d" || type == "Linear" || type == "ReLU")
      return golden_float_module(type, args);
    if (type == "MyConv2d")
      return std::make_unique<MyConv2d>(dynamic_cast<const Conv2d&>(*golden_float_module("Conv2d", args)));
    if (type == "Conv2dQAT") return Conv2dQAT::from_float(*golden_float_module("Conv2d", args));
    if (type == "BatchNorm2d")
      return std::make_unique<BatchNorm2d>(BatchNorm2d::Options{.features = args["num_features"]});
    if (type == "Flatten") return std::make_unique<Flatten>();
    if (type == "Sigmoid") return std::make_unique<Sigmoid>();
    if (type == "GELU" || type == "LayerNorm") return std::make_unique<SiLU>();  // stands for it: not a ReLU
    if (type == "AdaptiveAvgPool2d")
      return std::make_unique<AdaptiveAvgPool2d>(
          AdaptiveAvgPool2d::Options{.output_size = golden_size(args, "output_size", 1)});
    if (type == "AvgPool2d")
      return std::make_unique<AvgPool2d>(AvgPool2d::Options{.kernel_size = golden_size(args, "kernel_size", 2)});
    if (type == "MaxPool2d")
      return std::make_unique<MaxPool2d>(MaxPool2d::Options{.kernel_size = golden_size(args, "kernel_size", 2),
                                                            .stride = golden_size(args, "stride", 2),
                                                            .padding = golden_size(args, "padding", 0)});
    throw NoSuchLayer(type);
  }

  Tensor run(const nlohmann::json& op, const std::map<std::string, Tensor>& values) {
    std::vector<Tensor> in;
    for (const auto& name : op.at("inputs")) in.push_back(values.at(name.get<std::string>()));
    const std::string kind = op.at("op").get<std::string>();
    if (kind == "module") return call(op.at("module").get<std::string>(), in[0]);
    if (kind == "add") return add_values(in[0], in[1]);
    if (kind == "relu") return relu(in[0]);
    if (kind == "cat") return cat(in, op.at("attrs").at("dim").get<std::int64_t>());
    if (kind == "flatten") return flatten(in[0], op.at("attrs").at("start_dim").get<std::int64_t>());
    if (kind == "mean") return flatten(adaptive_avg_pool2d(in[0], 1));  // over H and W
    if (kind == "unsqueeze") {
      Shape shape = in[0].shape();
      shape.insert(shape.begin() + op.at("attrs").at("dim").get<std::ptrdiff_t>(), 1);
      return reshape(in[0], shape);
    }
    // mul does not broadcast in Octet; a product by one value has the same place in the graph.
    if (kind == "mul") return mul(in[0], in[0].shape() == in[1].shape() ? in[1] : mean(in[1]));
    throw NoSuchLayer(kind);
  }
  static Tensor add_values(const Tensor& a, const Tensor& b) { return octet::add(a, b); }

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
    const Tensor y = slot(path)(x);
    while (!scopes.empty()) scopes.pop_back();
    return y;
  }

  nlohmann::json description_;
};

/// Takes the layers that have a second name out of `names`: Octet quantizes none of them (Q19). Returns how many.
inline std::size_t drop_aliased(const nlohmann::json& description, std::vector<std::string>& names) {
  return std::erase_if(names, [&](const std::string& name) {
    return std::ranges::any_of(description.at("modules"),
                               [&](const nlohmann::json& module) { return module.value("alias_of", "") == name; });
  });
}

}  // namespace octet::test
