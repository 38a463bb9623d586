// SPDX-License-Identifier: Apache-2.0
// Ops that move values, in a plan: they stay in u8 where what they read is quantized.
#include <algorithm>

#include "octet/base/error.h"
#include "octet/deploy/binding.h"
#include "octet/deploy/execution.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operators_shape.h"
#include "octet/kernels/float/layout.h"
#include "octet/kernels/float/shape.h"
#include "octet/kernels/int8/int8_images.h"

namespace octet::deploy {
namespace {

// ---- reshape, flatten -----------------------------------------------------------------------------------------------

// Whether the order in memory is the logical one: always but for images of several channels and pixels.
bool has_one_order(const Shape& s) { return s.size() != 4 || s[1] == 1 || s[2] * s[3] == 1; }

Run bind_to_row_major(Binding& at) {
  const kernels::ImageBatch batch = images(at.input_shape());
  if (at.reads_bytes())
    return [=, x = at.byte_input(), y = at.byte_output()](const Memory& m) {
      kernels::nhwc_to_nchw_u8(batch, x(m), y(m));
    };
  return [=, x = at.real_input(), y = at.real_output()](const Memory& m) { kernels::nhwc_to_nchw(batch, x(m), y(m)); };
}

Run bind_to_channels_last(Binding& at) {
  const Shape& s = at.output_shape();
  if (at.reads_bytes()) {  // the other way round: pixels take the place of channels
    const kernels::ImageBatch batch{s[0], s[2] * s[3], s[1]};
    return [=, x = at.byte_input(), y = at.byte_output()](const Memory& m) {
      kernels::nhwc_to_nchw_u8(batch, x(m), y(m));
    };
  }
  return [batch = images(s), x = at.real_input(), y = at.real_output()](const Memory& m) {
    kernels::nchw_to_nhwc(batch, x(m), y(m));
  };
}

void lower_reshape(Lowering& l) {
  const Shape &x = l.input_shape(0), &y = l.output_shape();
  Operand from = l.any(l.input(0));
  const bool quantized = from.scale.has_value();
  if (!has_one_order(x)) from.tensor = l.add_step("to row-major", Computation{bind_to_row_major}, {from}, x, quantized);
  int tensor = l.add_view(from.tensor, y);
  if (!has_one_order(y))
    tensor = l.add_step("to channels-last", Computation{bind_to_channels_last}, {{tensor, from.scale}}, y, quantized);
  l.define_like(from, tensor);
}

// ---- cat ------------------------------------------------------------------------------------------------------------

// Each operand brings a piece to every one of `rows` rows.
template <typename T, typename Copy>
Run bind_join(Binding& at, std::int64_t rows, Copy copy) {
  struct Part {
    At<T> from;
    std::int64_t width;
  };
  const auto width = [rows](const Shape& s) { return rows == 0 ? 0 : element_count(s) / rows; };
  std::vector<Part> parts;
  for (std::size_t i = 0; i < at.step().inputs.size(); ++i) parts.push_back({at.input<T>(i), width(at.input_shape(i))});
  return [=, pitch = width(at.output_shape()), to = at.at<T>(at.step().output)](const Memory& m) {
    T* y = to(m);
    for (const Part& part : parts) {
      copy({rows, part.width, part.width, pitch}, part.from(m), y);
      y += part.width;
    }
  };
}

// How many pieces each operand is cut into: in channels-last order the channel is the last dimension.
std::int64_t rows_of(const Shape& y, std::int64_t dim) {
  const Shape order = y.size() == 4 ? Shape{0, 3, 1, 2} : Shape{0, 1, 2};
  std::int64_t rows = 1;
  for (std::size_t i = 0; i < y.size(); ++i)
    if (order[i] < order[static_cast<std::size_t>(dim)]) rows *= y[i];
  return rows;
}

void lower_cat(Lowering& l) {
  const Shape& y = l.output_shape();
  const std::int64_t dim = dim_from_front(ops::kCat, "dim", attribute(l.node().attributes, "dim", std::int64_t{1}), y);
  std::vector<Operand> parts;
  bool quantized = true;
  for (const int part : l.node().inputs) {
    parts.push_back(l.any(part));
    quantized = quantized && parts.back().scale && same(*parts.back().scale, *parts.front().scale);
  }
  if (!quantized)
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = {l.real(l.input(i)), {}};
  const Operand first = parts.front();
  const auto bind = [rows = rows_of(y, dim)](Binding& at) {
    return at.reads_bytes() ? bind_join<std::uint8_t>(at, rows, kernels::copy_byte_rows)
                            : bind_join<float>(at, rows, kernels::copy_rows);
  };
  l.define_like(first, l.add_step(ops::kCat, Computation{bind}, std::move(parts), y, quantized));
}

}  // namespace

std::span<const NamedExecution> shape_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kReshape, lower_reshape}, {ops::kFlatten, lower_reshape}, {ops::kCat, lower_cat}};
  return kAll;
}

}  // namespace octet::deploy
