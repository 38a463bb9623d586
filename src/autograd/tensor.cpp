// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/tensor.h"

#include <algorithm>
#include <limits>

#include "octet/autograd/body.h"
#include "octet/autograd/trace.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/kernels/float/layout.h"

namespace octet {
namespace detail {

kernels::Rows TensorBody::rows() const {
  const std::int64_t channels = shape.size() == 4 && layout == Layout::kChannelsLast ? shape[1]
                                : shape.empty()                                      ? 1
                                                                                     : shape.back();
  return {channels == 0 ? 0 : size() / channels, channels};
}

void compute(const Pending& pending, std::int64_t begin, const kernels::Rows& rows, float* values) {
  kernels::EpilogueTerm terms[2] = {pending.terms[0].values(),
                                    pending.terms.size() > 1 ? pending.terms[1].values() : kernels::EpilogueTerm{}};
  for (kernels::EpilogueTerm& term : terms) {
    if (term.x) term.x += begin * rows.channels;
    if (term.q) term.q += begin * rows.channels;
  }
  // Without values per channel all are alike, and a long last dimension is no reason to walk in steps of it.
  kernels::epilogue_forward(pending.per_channel() ? rows : kernels::Rows{rows.size(), 1}, terms, pending.relu, values);
}

float* TensorBody::values() const {
  Storage& s = *storage;
  if (s.buffer.data() || (!s.pending && !s.activation && !s.weight && !s.gradient)) return s.buffer.floats();
  // All or nothing: where memory runs out, the recipe stays, and the next reader tries again.
  const FloatEnvironment numbers;
  kernels::Buffer made = kernels::Buffer::floats(size());
  if (s.pending)
    compute(*s.pending, 0, rows(), made.floats());
  else if (s.activation)
    kernels::dequantize(size(), s.activation->scale, s.activation->data(), made.floats());
  else if (s.weight)
    kernels::dequantize_channels(s.weight->view, s.weight->scales.data(), s.weight->data(), made.floats());
  else
    kernels::conv_backward_data(s.gradient->shape, s.gradient->w.values().data(), s.gradient->dy.values().data(),
                                made.floats());
  s.buffer = std::move(made);
  s.pending = nullptr;
  return s.buffer.floats();
}

kernels::EpilogueTerm Pending::Term::values() const {
  if (sums) return {sums->sums.values().data(), sums->start(), sums->factor(), sums->bias()};
  if (norm) return {norm->data(), norm->mean(), norm->scale(), norm->shift()};
  const Storage& storage = *x.body()->storage;
  if (storage.activation && !storage.buffer.data())
    return {.q = storage.activation->data(), .grid = storage.activation->scale};
  return {.x = x.values().data()};
}

bool Pending::per_channel() const {
  return std::ranges::any_of(terms, [](const Term& term) { return term.norm || term.sums; });
}

Tensor make_pending(const Shape& shape, Layout layout, Pending pending) {
  for (const Pending::Term& term : pending.terms) {
    if (term.norm)
      term.norm->data();
    else if (!term.sums && !activation_integers(term.x))
      term.x.values();
  }
  auto body = std::make_shared<TensorBody>();
  body->shape = shape;
  body->layout = layout;
  body->storage = std::make_shared<Storage>();
  body->storage->pending = std::make_unique<const Pending>(std::move(pending));
  return Tensor(std::move(body));
}

const Pending* pending_of(const Tensor& t) {
  return t.defined() && !TraceRecorder::active() ? t.body()->storage->pending.get() : nullptr;
}

Tensor make_integer_sums(const Shape& shape, Layout layout, IntegerSums sums) {
  Tensor y = make_pending(shape, layout,
                          Pending{{{Tensor(), nullptr, std::make_shared<const IntegerSums>(std::move(sums))}}, false});
  if (TraceRecorder::active()) y.values();
  return y;
}

std::shared_ptr<const IntegerSums> integer_sums_of(const Tensor& t) {
  const Pending* pending = pending_of(t);
  return pending ? pending->terms[0].sums : nullptr;
}

void check_gradient_fits(const char* op, const Tensor& gradient, const TensorBody& body) {
  require(gradient.defined(), op, ": the gradient is undefined");
  require(gradient.shape() == body.shape, op, ": the gradient's shape must be ", body.shape, ", got ",
          gradient.shape());
  require(gradient.layout() == body.layout, op,
          ": the gradient must lie in memory as the tensor does (row-major or channels-last)");
}

}  // namespace detail

namespace {

const detail::TensorBody& body_of(const Tensor& t) {
  require(t.defined(), "tensor: it is undefined (default-constructed), so it has no values");
  return *t.body();
}

void check_shape(const Shape& shape) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(sizeof(float));
  std::int64_t count = 1;
  for (std::int64_t size : shape) {
    require(size >= 0, "tensor: sizes must not be negative, got ", shape);
    require(count <= kMost / std::max<std::int64_t>(size, 1), "tensor: shape ", shape,
            " has more elements than memory can hold");
    count *= std::max<std::int64_t>(size, 1);  // a zero does not excuse the other sizes: element_count multiplies all
  }
}

}  // namespace

Tensor Tensor::empty(const Shape& shape) {
  return empty(shape, shape.size() == 4 ? Layout::kChannelsLast : Layout::kRowMajor);
}

Tensor Tensor::empty(const Shape& shape, Layout layout) {
  check_shape(shape);
  require(layout == Layout::kRowMajor || shape.size() == 4, "tensor: only 4-D tensors can be channels-last, got ",
          shape);
  auto body = std::make_shared<detail::TensorBody>();
  body->shape = shape;
  body->layout = layout;
  body->storage = std::make_shared<detail::Storage>();
  body->storage->buffer = kernels::Buffer::floats(element_count(shape));
  return Tensor(std::move(body));
}

Tensor Tensor::zeros(const Shape& shape) { return full(shape, 0.0F); }

Tensor Tensor::zeros(const Shape& shape, Layout layout) {
  Tensor t = empty(shape, layout);
  std::ranges::fill(t.mutable_values(), 0.0F);
  return t;
}

Tensor Tensor::full(const Shape& shape, float value) {
  Tensor t = empty(shape);
  std::ranges::fill(t.mutable_values(), value);
  return t;
}

Tensor Tensor::scalar(float value) { return full({}, value); }

Tensor Tensor::from_nchw(const Shape& shape, std::span<const float> values) {
  require(shape.size() == 4, "from_nchw: the shape must be [N, C, H, W], got ", shape);
  check_shape(shape);
  require(std::ssize(values) == element_count(shape), "from_nchw: shape ", shape, " needs ", element_count(shape),
          " values, got ", values.size());
  Tensor t = empty(shape, Layout::kChannelsLast);
  kernels::nchw_to_nhwc({shape[0], shape[1], shape[2] * shape[3]}, values.data(), t.mutable_values().data());
  return t;
}

Tensor Tensor::from_nhwc(const Shape& shape, std::span<const float> values) {
  require(shape.size() == 4, "from_nhwc: the shape must be [N, C, H, W], got ", shape);
  check_shape(shape);
  require(std::ssize(values) == element_count(shape), "from_nhwc: shape ", shape, " needs ", element_count(shape),
          " values, got ", values.size());
  Tensor t = empty(shape, Layout::kChannelsLast);
  std::ranges::copy(values, t.mutable_values().begin());
  return t;
}

Tensor Tensor::from_values(const Shape& shape, std::span<const float> values) {
  check_shape(shape);
  require(std::ssize(values) == element_count(shape), "from_values: shape ", shape, " needs ", element_count(shape),
          " values, got ", values.size());
  Tensor t = empty(shape, Layout::kRowMajor);
  std::ranges::copy(values, t.mutable_values().begin());
  return t;
}

const Shape& Tensor::shape() const { return body_of(*this).shape; }

std::int64_t Tensor::dim(std::size_t i) const {
  require(i < shape().size(), "tensor: shape ", shape(), " has no dimension ", i);
  return shape()[i];
}

std::int64_t Tensor::size() const { return body_of(*this).size(); }

Layout Tensor::layout() const { return body_of(*this).layout; }

std::span<const float> Tensor::values() const {
  const float* data = body_of(*this).values();
  return {data, static_cast<std::size_t>(size())};
}

std::span<float> Tensor::mutable_values() {
  float* data = body_of(*this).values();
  body_->storage->activation = nullptr;  // they would no longer be those of the values
  body_->storage->weight = nullptr;
  body_->storage->gradient = nullptr;
  return {data, static_cast<std::size_t>(size())};
}

std::vector<float> Tensor::to_vector() const {
  std::vector<float> copy(static_cast<std::size_t>(size()));
  const std::span<const float> from = values();
  if (layout() == Layout::kRowMajor)
    std::ranges::copy(from, copy.begin());
  else
    kernels::nhwc_to_nchw({dim(0), dim(1), dim(2) * dim(3)}, from.data(), copy.data());
  return copy;
}

std::vector<float> Tensor::to_nchw() const {
  require(rank() == 4, "to_nchw: the tensor must be 4-D, got ", shape());
  return to_vector();
}

float Tensor::item() const {
  require(size() == 1, "item: the tensor must have one element, got shape ", shape());
  return values()[0];
}

Tensor& Tensor::set_requires_grad(bool requires_grad) {
  require(!body_of(*this).node,
          "set_requires_grad: only for leaves; this tensor is the result of an op (detach() it first)");
  body_->requires_grad = requires_grad;
  return *this;
}

bool Tensor::requires_grad() const { return body_of(*this).requires_grad; }

Tensor Tensor::grad() const { return body_of(*this).grad; }

void Tensor::set_grad(Tensor grad) {
  const detail::TensorBody& body = body_of(*this);
  if (grad.defined()) detail::check_gradient_fits("set_grad", grad, body);
  body_->grad = std::move(grad);
}

void Tensor::zero_grad() {
  require(defined(), "zero_grad: the tensor is undefined");
  body_->grad = Tensor();
}

Tensor Tensor::detach() const {
  const detail::TensorBody& from = body_of(*this);
  auto body = std::make_shared<detail::TensorBody>();
  body->shape = from.shape;
  body->layout = from.layout;
  body->storage = from.storage;
  return Tensor(std::move(body));
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape(), layout());
  std::ranges::copy(values(), copy.mutable_values().begin());
  return copy;
}

}  // namespace octet
