// SPDX-License-Identifier: Apache-2.0
// find_quantizable_layers() of quantizable_layers.h: the one part that looks into modules. The rest stands on base, for
// the readers of configuration files and their fuzzers.
#include <algorithm>
#include <optional>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/graph/operator.h"
#include "octet/nn/conv_layers.h"
#include "octet/quant/qat_layers.h"
#include "octet/quant/quantizable_layers.h"

namespace octet {
namespace {

// A layer with what is compared between layers.
struct Found {
  QuantizableLayer layer;
  Tensor weight;
};

// What is said of a module that is a `Layer`. The layers are final: no other class is one.
std::optional<Found> describe(const std::string& path, const Module& module) {
  if (const auto* const conv = dynamic_cast<const Conv2d*>(&module)) {
    const Conv2d::Options& options = conv->options();
    const bool zeros = options.padding_mode == PaddingMode::kZeros;
    return Found{{path, "Conv2d", options.in_channels, options.groups,
                  zeros ? "" : "padding_mode is not zeros, and integers know no other"},
                 conv->weight()};
  }
  if (const auto* const transposed = dynamic_cast<const ConvTranspose2d*>(&module)) {
    const ConvTranspose2d::Options& options = transposed->options();
    return Found{{path, "ConvTranspose2d", options.in_channels, options.groups}, transposed->weight()};
  }
  if (const auto* const linear = dynamic_cast<const Linear*>(&module))
    return Found{{path, "Linear", linear->options().in_features, 1}, linear->weight()};
  return std::nullopt;
}

bool is_qat(const Module& module) {
  return dynamic_cast<const Conv2dQAT*>(&module) || dynamic_cast<const ConvTranspose2dQAT*>(&module) ||
         dynamic_cast<const LinearQAT*>(&module);
}

// Why the configuration file cannot speak of the layer, or "".
std::string name_obstacle(const std::string& name) {
  if (name.empty()) return "it is the whole model: there is no slot for what replaces it";
  for (const char* const key : {"version", "batch_num", "fakequant_precision_mode"})
    if (name == key) return "its name is a key of the configuration file";
  return "";
}

// How often the layer's own op ran.
std::ptrdiff_t runs(const Graph& graph, const QuantizableLayer& layer) {
  return std::ranges::count_if(graph.nodes,
                               [&](const Node& node) { return node.module == layer.name && is_layer(node); });
}

}  // namespace

std::vector<QuantizableLayer> find_quantizable_layers(Module& model, const Graph& graph) {
  std::vector<Found> found;
  model.visit([&](const std::string& path, Module& module) {
    require(!is_qat(module), "the model is quantized already: ", path.empty() ? "it" : printable(path), " is a ",
            module.type_name());
    if (std::optional<Found> layer = describe(path, module)) found.push_back(std::move(*layer));
  });

  std::vector<QuantizableLayer> layers;
  for (const Found& one : found) {
    QuantizableLayer layer = one.layer;
    const std::ptrdiff_t count = runs(graph, layer);
    if (layer.obstacle.empty()) layer.obstacle = name_obstacle(layer.name);
    if (layer.obstacle.empty() && count == 0) layer.obstacle = "it does not run for this input";
    if (layer.obstacle.empty() && count > 1) layer.obstacle = text("it runs ", count, " times");
    for (const Found& other : found)
      if (layer.obstacle.empty() && &other != &one && other.weight.same_as(one.weight))
        layer.obstacle = "it shares its weight with " + other.layer.name;
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace octet
