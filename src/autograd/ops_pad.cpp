// SPDX-License-Identifier: Apache-2.0
// Padding of activations.
#include "octet/autograd/body.h"
#include "octet/autograd/execution_families.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/graph/attributes.h"
#include "octet/kernels/float/pad.h"

namespace octet {
namespace {

// The place of a row of `size` rows that is shown `i` rows after its first; -1 for zeros.
std::int64_t source(std::int64_t i, std::int64_t size, PaddingMode mode) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case PaddingMode::kZeros:
      return -1;
    case PaddingMode::kReflect:  // the edge itself is not repeated
      return i < 0 ? -i : 2 * (size - 1) - i;
    case PaddingMode::kReplicate:
      return i < 0 ? 0 : size - 1;
    case PaddingMode::kCircular:
      return i < 0 ? i + size : i - size;
  }
  fail("pad2d: unknown padding mode ", static_cast<int>(mode));
}

std::vector<std::int64_t> sources(std::int64_t size, std::int64_t padding, PaddingMode mode) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = -padding; i < size + padding; ++i) all.push_back(source(i, size, mode));
  return all;
}

}  // namespace

Tensor pad2d(const Tensor& x, Size2 padding, PaddingMode mode) {
  detail::require_activation(ops::kPad2d, "x", x);
  const Shape shape = pad2d_shape(x.shape(), padding, mode);
  const kernels::PadShape s{
      x.dim(0), x.dim(1), x.dim(2), x.dim(3), sources(x.dim(2), padding.h, mode), sources(x.dim(3), padding.w, mode)};
  Tensor y = Tensor::empty(shape);
  kernels::pad_forward(s, x.values().data(), detail::fresh_values(y));
  const auto attributes = [=] {
    return Attributes{{"padding", as_list(padding)}, {"mode", std::string(name_of(mode))}};
  };
  return record(ops::kPad2d, y, {x}, attributes, [s](const Tensor& dy, const NeedsGrad&) {
    Tensor dx = Tensor::empty({s.n, s.c, s.h, s.w});
    kernels::pad_backward(s, dy.values().data(), detail::fresh_values(dx));
    return std::vector<Tensor>{dx};
  });
}

namespace detail {

std::span<const NamedExecution> pad_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kPad2d, [](std::span<const Tensor> in, const Attributes& a) {
         return pad2d(in[0], size_attribute(a, "padding", 0),
                      padding_mode(attribute(a, "mode", std::string(name_of(PaddingMode::kZeros)))));
       }}};
  return kAll;
}

}  // namespace detail
}  // namespace octet
