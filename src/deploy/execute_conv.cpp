// SPDX-License-Identifier: Apache-2.0
// Layers with weights in a plan: in int8 where input and weight are quantized, else in floats.
#include <algorithm>
#include <memory>

#include "octet/base/error.h"
#include "octet/deploy/binding.h"
#include "octet/deploy/execution.h"
#include "octet/deploy/int8_constants.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operators_conv.h"
#include "octet/kernels/float/channel_sums.h"
#include "octet/kernels/float/conv.h"
#include "octet/kernels/float/gemm.h"
#include "octet/kernels/int8/int8_inference.h"

namespace octet::deploy {
namespace {

double giga_operations(const kernels::ConvShape& s) {
  return 2e-9 * static_cast<double>(s.n * s.oh * s.ow) * static_cast<double>(s.weight_count());
}

bool runs_in_int8(Lowering& l, const QuantizedConstant* weight, std::size_t channel_axis) {
  const Form& x = l.form(l.input(0));
  if (!weight || x.quantized.tensor < 0 || x.integers || !weight->symmetric()) return false;
  return weight->scales.size() == 1 || weight->axis == channel_axis;
}

void add_int8_layer(Lowering& l, Int8Conv work, const QuantizedConstant& weight) {
  const Operand x = l.form(l.input(0)).quantized;
  set_int8_constants(work, x.scale->scale, weight, l.constants(), l.input(2), l.shared());
  l.define_real(l.add_step(l.node().op.c_str(), std::move(work), {x}, l.output_shape(), false));
}

// Empty if the node has none.
std::vector<float> float_bias(Lowering& l, std::int64_t channels) {
  if (l.input(2) < 0) return {};
  std::vector<float> bias = l.constants().floats(l.input(2));
  require(std::ssize(bias) == channels, "the bias must have ", channels, " values, has ", bias.size());
  return bias;
}

void add_float_layer(Lowering& l, const std::vector<float>& bias, std::function<Run(Binding&)> bind) {
  Computation work{std::move(bind), 4 * std::ssize(bias), true};
  l.define_real(l.add_step(l.node().op.c_str(), std::move(work), {{l.real(l.input(0)), {}}}, l.output_shape(), false));
}

Run bind_conv(Binding& at, const kernels::ConvShape& s, bool transposed, const SharedConstants::Floats& weights,
              const std::vector<float>& bias) {
  at.implementation = "float32";
  at.giga_operations = giga_operations(s);
  at.bytes = 4 * std::ssize(bias);
  const auto pass = transposed ? kernels::ConvPass::kBackwardData : kernels::ConvPass::kForward;
  const bool adds_bias = !transposed && !bias.empty();
  const auto conv = std::make_shared<const kernels::PackedConv>(pass, s, at.shared().conv_weights(weights), adds_bias);
  const kernels::Rows pixels{s.n * s.h * s.w, s.ci};
  return [=, x = at.real_input(), y = at.real_output()](const Memory& m) {
    conv->run(x(m), adds_bias ? bias.data() : nullptr, y(m));
    if (transposed && !bias.empty()) kernels::add_channels(pixels, bias.data(), y(m));
  };
}

void lower_conv(Lowering& l, const kernels::ConvShape& s, bool transposed) {
  const QuantizedConstant* const weight = l.constants().quantized(l.input(1));
  if (runs_in_int8(l, weight, transposed ? 1 : 0))
    return add_int8_layer(l, {.shape = s, .transposed = transposed, .weights = weight->int8(), .epilogue = {}},
                          *weight);
  const SharedConstants::Floats weights = l.weights(l.input(1), false);
  const std::vector<float> bias = float_bias(l, l.output_shape()[1]);
  add_float_layer(l, bias, [=](Binding& at) { return bind_conv(at, s, transposed, weights, bias); });
}

// The bias may have come from an addition: it has any shape with a value per channel.
void lower_conv2d(Lowering& l) {
  lower_conv(l, conv2d_shape(l.input_shape(0), l.input_shape(1), nullptr, conv2d_params(l.node().attributes)), false);
}

void lower_conv_transpose2d(Lowering& l) {
  const ConvTranspose2dParams params = conv_transpose2d_params(l.node().attributes);
  lower_conv(l, conv_transpose2d_shape(l.input_shape(0), l.input_shape(1), nullptr, params), true);
}

Run bind_linear(Binding& at, const kernels::LinearShape& s, const SharedConstants::Floats& weights,
                const std::vector<float>& bias) {
  at.implementation = "float32";
  at.giga_operations = 2e-9 * static_cast<double>(s.rows * s.in * s.out);
  return [=, x = at.real_input(), y = at.real_output()](const Memory& m) {
    kernels::linear_forward(s, x(m), weights->data(), y(m));
    if (!bias.empty()) kernels::add_channels({s.rows, s.out}, bias.data(), y(m));
  };
}

// In int8 it is a 1x1 convolution of one image with a row per input and one column.
void lower_linear(Lowering& l) {
  const bool transposed = attribute(l.node().attributes, "transposed_weight", false);
  Shape w = l.input_shape(1);
  if (transposed) std::ranges::reverse(w);
  const kernels::LinearShape s = linear_shape(l.input_shape(0), w, nullptr);
  require(s.rows == 0 || l.input_shape(0).size() != 4, "x must not be an image");
  const QuantizedConstant* const weight = l.constants().quantized(l.input(1));
  if (runs_in_int8(l, weight, transposed ? 1 : 0)) {
    const SharedConstants::Integers plain = weight->int8();
    Int8Conv work{
        .shape = {.n = 1, .ci = s.in, .h = s.rows, .w = 1, .co = s.out, .kh = 1, .kw = 1, .oh = s.rows, .ow = 1},
        .weights =
            transposed ? l.shared().transposed(l.input(1), [&] { return transpose(*plain, l.input_shape(1)); }) : plain,
        .epilogue = {}};
    return add_int8_layer(l, std::move(work), *weight);
  }
  const SharedConstants::Floats weights = l.weights(l.input(1), transposed);
  const std::vector<float> bias = float_bias(l, s.out);
  add_float_layer(l, bias, [=](Binding& at) { return bind_linear(at, s, weights, bias); });
}

}  // namespace

Run bind(const Int8Conv& work, Binding& at) {
  const kernels::ConvShape& s = work.shape;
  const std::int32_t zero_point = at.step().inputs[0].scale->zero_point;
  const auto layer = std::make_shared<const kernels::Int8Layer>(
      s, work.transposed, at.shared().int8_layer(zero_point, work.weights, work.epilogue));
  at.bytes = layer->own_bytes();
  at.implementation = layer->implementation();
  at.giga_operations = giga_operations(s);
  return [=, x = at.byte_input(), residual = at.byte_input(1), y = at.real_output(),
          q = at.quantized_output()](const Memory& m) {
    layer->run(x(m), {residual(m), y(m), q(m)});
  };
}

std::span<const NamedExecution> conv_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kConv2d, lower_conv2d}, {ops::kConvTranspose2d, lower_conv_transpose2d}, {ops::kLinear, lower_linear}};
  return kAll;
}

}  // namespace octet::deploy
