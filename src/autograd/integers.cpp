// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/integers.h"

#include <algorithm>
#include <atomic>

#include "octet/autograd/body.h"

namespace octet {
namespace {

std::atomic<QuantizedForward> forward_arithmetic{QuantizedForward::kInt8};

}  // namespace

const ActivationIntegers* activation_integers(const Tensor& t) {
  return t.defined() ? t.body()->storage->activation.get() : nullptr;
}

const WeightIntegers* weight_integers(const Tensor& t) {
  return t.defined() ? t.body()->storage->weight.get() : nullptr;
}

Tensor make_integer_weight(const Shape& shape, WeightIntegers integers) {
  auto body = std::make_shared<detail::TensorBody>();
  body->shape = shape;
  body->storage = std::make_shared<detail::Storage>();
  body->storage->weight = std::make_unique<const WeightIntegers>(std::move(integers));
  return Tensor(std::move(body));
}

void visit_values(const Tensor& x, const std::function<void(std::span<const float>)>& visit) {
  const detail::Pending* const pending = detail::pending_of(x);
  if (!pending) return visit(x.values());
  // Some rows at a time: a whole activation is what has been avoided so far.
  constexpr std::int64_t kValues = 1 << 18;
  const kernels::Rows all = x.body()->rows();
  const std::int64_t rows = std::max<std::int64_t>(kValues / std::max<std::int64_t>(all.channels, 1), 1);
  const kernels::Buffer piece = kernels::Buffer::floats(rows * all.channels);
  for (std::int64_t begin = 0; begin < all.rows; begin += rows) {
    const kernels::Rows part{std::min(rows, all.rows - begin), all.channels};
    detail::compute(*pending, begin, part, piece.floats());
    visit({piece.floats(), static_cast<std::size_t>(part.size())});
  }
}

void set_quantized_forward(QuantizedForward how) { forward_arithmetic = how; }

QuantizedForward quantized_forward() { return forward_arithmetic; }

namespace detail {

Tensor make_quantized(const Shape& shape, Layout layout, ActivationIntegers integers) {
  auto body = std::make_shared<TensorBody>();
  body->shape = shape;
  body->layout = layout;
  body->storage = std::make_shared<Storage>();
  body->storage->activation = std::make_unique<const ActivationIntegers>(std::move(integers));
  return Tensor(std::move(body));
}

}  // namespace detail
}  // namespace octet
