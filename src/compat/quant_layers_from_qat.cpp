// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/quant_layers_from_qat.h"

#include <limits>
#include <numeric>

#include "octet/base/error.h"

namespace octet {
namespace {

deploy::QuantParameters parameters(const QatModule& layer) {
  const ScaleOffset input = layer.input_grid().grid;
  const IntegerLayer integers = layer.integers(input.scale);
  deploy::QuantParameters made{integers.weight, std::vector<float>(), {}};
  std::vector<float> scales;
  for (std::size_t c = 0; c < integers.bias.size(); ++c) {
    std::int64_t sum = 0;
    layer.weight_view().for_each_run(static_cast<std::int64_t>(c), [&](std::int64_t at) {
      const auto run = integers.weight.begin() + at;
      sum = std::accumulate(run, run + layer.weight_view().run, sum);
    });
    const std::int64_t bias = integers.bias[c] - input.offset * sum;
    require(bias >= std::numeric_limits<std::int32_t>::min() && bias <= std::numeric_limits<std::int32_t>::max(),
            layer.type_name(), ": the bias of output channel ", c, " leaves 32 bits (", bias, ")");
    made.bias.push_back(static_cast<std::int32_t>(bias));
    scales.push_back(input.scale * integers.scales[c]);
  }
  made.scale = std::move(scales);
  return made;
}

std::int64_t offset_x(const QatModule& layer) { return layer.input_grid().grid.offset; }

}  // namespace

deploy::QuantConv2d quant_conv2d_from_qat(const Conv2dQAT& layer, const std::string& output_dtype) {
  const Conv2d::Options& o = layer.options();
  return {{.in_channels = o.in_channels,
           .out_channels = o.out_channels,
           .kernel_size = o.kernel_size,
           .stride = o.stride,
           .padding = layer.layer().params().padding,
           .dilation = o.dilation,
           .groups = o.groups,
           .offset_x = offset_x(layer),
           .output_dtype = output_dtype},
          parameters(layer)};
}

deploy::QuantConvTranspose2d quant_conv_transpose2d_from_qat(const ConvTranspose2dQAT& layer,
                                                             const std::string& output_dtype) {
  const ConvTranspose2d::Options& o = layer.options();
  return {{.in_channels = o.in_channels,
           .out_channels = o.out_channels,
           .kernel_size = o.kernel_size,
           .stride = o.stride,
           .padding = o.padding,
           .output_padding = o.output_padding,
           .dilation = o.dilation,
           .groups = o.groups,
           .offset_x = offset_x(layer),
           .output_dtype = output_dtype},
          parameters(layer)};
}

deploy::QuantLinear quant_linear_from_qat(const LinearQAT& layer, const std::string& output_dtype) {
  const Linear::Options& o = layer.options();
  return {{.in_features = o.in_features,
           .out_features = o.out_features,
           .offset_x = offset_x(layer),
           .output_dtype = output_dtype},
          parameters(layer)};
}

}  // namespace octet
