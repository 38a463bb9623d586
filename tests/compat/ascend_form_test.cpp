// SPDX-License-Identifier: Apache-2.0
// The numbers in deployed graphs belong together: the grid of a layer's input, its bias and the scale of its result are
// made of the scales in the record.
#include "octet/compat/ascend_form.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/graph/attributes.h"
#include "octet/nn/layers.h"
#include "octet/nn/sequential.h"
#include "octet/quant/deployed_graph.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/fake_quant_form.h"
#include "octet/quant/qat_layers.h"

namespace octet {
namespace {

Tensor random_tensor(const Shape& shape, Rng& rng) {
  Tensor x = Tensor::empty(shape);
  for (float& v : x.mutable_values()) v = rng.normal();
  return x;
}

const std::vector<std::string> kLayers{"0", "3", "5", "7"};

// All kinds of layers, converted, their clips found. The biases are some thousands of steps of the sums and more, so
// that a scale which is one part in ten thousand off gives other integers.
class AscendForm : public testing::Test {
 protected:
  AscendForm() {
    Sequential net;
    net.append<Conv2d>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}, rng_);
    net.append<BatchNorm2d>({.features = 8});
    net.append<ReLU>();
    net.append<ConvTranspose2d>({.in_channels = 8, .out_channels = 6, .kernel_size = 2, .stride = 2}, rng_);
    net.append<ReLU>();
    net.append<Conv2d>({.in_channels = 6, .out_channels = 4, .kernel_size = 3, .stride = 2}, rng_);
    net.append<Flatten>();
    net.append<Linear>({.in_features = 4 * 4 * 4, .out_features = 5}, rng_);
    for (const NamedTensor& one : net.named_parameters())
      if (one.name.ends_with(".bias"))
        for (float& v : Tensor(one.tensor).mutable_values()) v = 2.0F + rng_.uniform();
    const auto folder = std::filesystem::path(testing::TempDir()) / ("ascend_form_" + std::to_string(getpid()));
    sample_ = random_tensor({2, 3, 5, 5}, rng_);
    create_quant_retrain_config(folder / "config.json", net, sample_);
    model_ = create_quant_retrain_model(folder / "config.json", net, folder / "record.txt", sample_);
    std::filesystem::remove_all(folder);
    const NoGrad no_grad;
    (*model_)(sample_);
    model_->eval();
  }

  const QatModule& layer(const std::string& name) { return dynamic_cast<const QatModule&>(model_->at(name)); }
  Graph graph(const QuantForm& form, bool force_fp16_quant) {
    return deployed_graph(evaluation_trace(*model_, sample_), *model_, form, {}, force_fp16_quant);
  }

  Rng rng_{5};
  Tensor sample_;
  std::unique_ptr<Module> model_;
};

const Value& named(const Graph& graph, std::string_view name) {
  return *std::ranges::find(graph.values, name, &Value::name);
}

template <typename T>
const std::vector<T>& data_of(const Graph& graph, const std::string& name) {
  return std::get<std::vector<T>>(*named(graph, name).data);
}

// The bias of output channel c in units of the result's scale, before it is rounded.
float steps_of_bias(const QatModule& layer, const QuantRecord::Layer& record, std::size_t c) {
  float bias = layer.bias().to_vector()[c];
  if (const BatchNorm2d* const bn = layer.batch_norm()) {
    const double eps = bn->options().eps;
    const double variance = bn->running_var().to_vector()[c];
    const float factor = bn->weight().to_vector()[c] * static_cast<float>(1.0 / std::sqrt(variance + eps));
    bias = (bias - bn->running_mean().to_vector()[c]) * factor + bn->bias().to_vector()[c];
  }
  return bias / (record.scale_d * record.scale_w[record.scale_w.size() == 1 ? 0 : c]);
}

// As device operators hold it: 10 bits behind the point.
float cut(float scale) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scale) & 0xFFFFE000U); }

TEST_F(AscendForm, IsMadeOfTheScalesInTheRecord) {
  for (const bool halves : {false, true}) {
    SCOPED_TRACE(halves ? "FORCE_FP16_QUANT" : "float32");
    const QuantRecord record = quant_record(*model_, halves);
    const Graph ascend = graph(ascend_form(), halves);
    ASSERT_EQ(record.layers.size(), kLayers.size());
    for (std::size_t i = 0; i < kLayers.size(); ++i) {
      const std::string& name = kLayers[i];
      SCOPED_TRACE(name);
      const QuantRecord::Layer& scales = record.layers[i];
      const float exact = layer(name).input_grid().grid.scale;
      EXPECT_EQ(scales.scale_d, halves ? fp16_scale(exact) : exact);
      const Node& quant = ascend.nodes[static_cast<std::size_t>(named(ascend, name + ".quant").producer)];
      EXPECT_EQ(attribute(quant.attributes, "scale", 0.0), static_cast<double>(1.0F / scales.scale_d));
      const auto& bias = data_of<std::int32_t>(ascend, name + ".bias");
      for (std::size_t c = 0; c < bias.size(); ++c)
        EXPECT_EQ(static_cast<float>(bias[c]), std::rint(steps_of_bias(layer(name), scales, c))) << "channel " << c;
      const auto& param = data_of<std::uint64_t>(ascend, name + ".dequant.param");
      ASSERT_EQ(param.size(), scales.scale_w.size());
      for (std::size_t c = 0; c < param.size(); ++c) {
        const float factor = scales.scale_d * scales.scale_w[c];
        EXPECT_EQ(param[c], std::bit_cast<std::uint32_t>(halves ? cut(factor) : factor)) << "channel " << c;
      }
    }
  }
}

TEST_F(AscendForm, HasTheNumbersOfTheFakeQuantModel) {
  for (const bool halves : {false, true}) {
    SCOPED_TRACE(halves ? "FORCE_FP16_QUANT" : "float32");
    const Graph ascend = graph(ascend_form(), halves), fake = graph(fake_quant_form(), halves);
    for (const std::string& name : kLayers) {
      SCOPED_TRACE(name);
      const Node& quant = ascend.nodes[static_cast<std::size_t>(named(ascend, name + ".quant").producer)];
      EXPECT_EQ(static_cast<double>(data_of<float>(fake, name + ".quant.fakequant.scale").at(0)),
                attribute(quant.attributes, "scale", 0.0));
      const auto& weight = data_of<std::int8_t>(ascend, name + ".weight");
      EXPECT_EQ(data_of<float>(fake, name + ".weight"), std::vector<float>(weight.begin(), weight.end()));
      const auto& bias = data_of<std::int32_t>(ascend, name + ".bias");
      EXPECT_EQ(data_of<float>(fake, name + ".bias"), std::vector<float>(bias.begin(), bias.end()));
      std::vector<float> factors;
      for (const std::uint64_t one : data_of<std::uint64_t>(ascend, name + ".dequant.param"))
        factors.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(one)));
      EXPECT_EQ(data_of<float>(fake, name + ".fakedequant.scale"), factors);
    }
  }
}

}  // namespace
}  // namespace octet
