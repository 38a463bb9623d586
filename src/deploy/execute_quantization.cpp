// SPDX-License-Identifier: Apache-2.0
// Between floats and integers in a plan. A pair of QuantizeLinear and DequantizeLinear leaves one step, or none.
#include <algorithm>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/deploy/binding.h"
#include "octet/deploy/execution.h"
#include "octet/graph/operators_quantization.h"
#include "octet/kernels/int8/int8_images.h"
#include "octet/kernels/quantize/quantize.h"

namespace octet::deploy {
namespace {

void lower_quantize(Lowering& l) {
  const auto [scale, is_signed] = l.constants().activation_scale(l.node());
  const Operand q = l.quantized_at(l.input(0), scale);
  Form& f = l.form(l.node().output);
  f.quantized = q;
  f.integers = true;
  f.is_signed = is_signed;
}

void lower_dequantize(Lowering& l) {
  const Value& x = l.value(l.input(0));
  if (x.data) return l.constants().define(l.node());
  const Form from = l.form(l.input(0));
  require(from.integers, "reads ", in_quotes(x.name), ", which is neither constant nor quantized");
  const auto [scale, is_signed] = l.constants().activation_scale(l.node());
  require(is_signed == from.is_signed, "its zero point has another type than what it reads");
  l.define_quantized(from.quantized.tensor, scale);
}

}  // namespace

Run bind(const LoadInput&, Binding& at) {
  const Real y = at.real_output();
  const std::int64_t count = at.output_count();
  if (at.output_shape().size() != 4)
    return [=](const Memory& m) { std::copy_n(m.input + m.slice * count, count, y(m)); };
  const kernels::ImageBatch batch = images(at.output_shape());
  return [=](const Memory& m) { kernels::nchw_to_nhwc(batch, m.input + m.slice * count, y(m)); };
}

Run bind(const Quantize& work, Binding& at) {
  constexpr const char* kWhat = "a value that is to be quantized is not finite";
  const Byte q = at.byte_output();
  const std::int64_t count = at.output_count();
  if (work.from_input) {
    const kernels::ImageBatch batch = images(at.output_shape());
    return [=](const Memory& m) {
      require(kernels::quantize_nchw(batch, work.scale, m.input + m.slice * count, q(m)), kWhat);
    };
  }
  return
      [=, x = at.real_input()](const Memory& m) { require(kernels::quantize(count, work.scale, x(m), q(m)), kWhat); };
}

Run bind(const Dequantize&, Binding& at) {
  const std::int64_t count = at.output_count();
  return [=, q = at.byte_input(), y = at.real_output(), scale = *at.step().inputs[0].scale](const Memory& m) {
    kernels::dequantize(count, scale, q(m), y(m));
  };
}

std::span<const NamedExecution> quantization_executions() {
  static constexpr NamedExecution kAll[] = {{ops::kQuantize, lower_quantize}, {ops::kDequantize, lower_dequantize}};
  return kAll;
}

}  // namespace octet::deploy
