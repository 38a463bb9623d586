// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/integers.h"

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

Tensor computed_apart(const Tensor& x) {
  const detail::Pending* const pending = detail::pending_of(x);
  if (!pending) return x;
  Tensor values = Tensor::empty(x.shape(), x.layout());
  detail::compute(*pending, *x.body(), values.mutable_values().data());
  return values;
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
