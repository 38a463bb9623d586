// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/tensor.h"

#include <algorithm>
#include <limits>
#include <utility>

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

float* TensorBody::values() const {
  Storage& s = *storage;
  if (s.has_values()) return s.values.load(std::memory_order_relaxed);
  const std::scoped_lock lock(s.filling);
  if (s.has_values()) return s.values.load(std::memory_order_relaxed);
  const std::shared_ptr<const Recipe> recipe = s.recipe;
  const FloatEnvironment numbers;
  const ContextSwitch where(recipe->where());
  const ContextScope op(recipe->op());
  auto made = std::make_shared<kernels::Buffer>(kernels::Buffer::floats(size()));
  recipe->fill(*this, made->floats());
  s.set(std::move(made));
  if (!recipe->outlives_values()) s.recipe = nullptr;
  return s.buffer->floats();
}

Tensor make_lazy(const Shape& shape, Layout layout, std::shared_ptr<const Recipe> recipe) {
  auto body = std::make_shared<TensorBody>();
  body->shape = shape;
  body->layout = layout;
  body->storage = std::make_shared<Storage>();
  body->storage->recipe = std::move(recipe);
  return Tensor(std::move(body));
}

const Recipe* open_recipe(const Tensor& t) {
  if (!t.defined() || TraceRecorder::active() || t.body()->storage->has_values()) return nullptr;
  return t.body()->storage->recipe.get();
}

Snapshot snapshot(const Tensor& t) {
  t.body()->values();
  return t.body()->storage->buffer;
}

float* fresh_values(const Tensor& t) { return t.body()->values(); }

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
  body->storage->set(std::make_shared<kernels::Buffer>(kernels::Buffer::floats(element_count(shape))));
  return Tensor(std::move(body));
}

Tensor Tensor::zeros(const Shape& shape) { return full(shape, 0.0F); }

Tensor Tensor::zeros(const Shape& shape, Layout layout) {
  Tensor t = empty(shape, layout);
  std::fill_n(detail::fresh_values(t), t.size(), 0.0F);
  return t;
}

Tensor Tensor::full(const Shape& shape, float value) {
  Tensor t = empty(shape);
  std::fill_n(detail::fresh_values(t), t.size(), value);
  return t;
}

Tensor Tensor::scalar(float value) { return full({}, value); }

Tensor Tensor::from_nchw(const Shape& shape, std::span<const float> values) {
  require(shape.size() == 4, "from_nchw: the shape must be [N, C, H, W], got ", shape);
  check_shape(shape);
  require(std::ssize(values) == element_count(shape), "from_nchw: shape ", shape, " needs ", element_count(shape),
          " values, got ", values.size());
  Tensor t = empty(shape, Layout::kChannelsLast);
  kernels::nchw_to_nhwc({shape[0], shape[1], shape[2] * shape[3]}, values.data(), detail::fresh_values(t));
  return t;
}

Tensor Tensor::from_nhwc(const Shape& shape, std::span<const float> values) {
  require(shape.size() == 4, "from_nhwc: the shape must be [N, C, H, W], got ", shape);
  check_shape(shape);
  require(std::ssize(values) == element_count(shape), "from_nhwc: shape ", shape, " needs ", element_count(shape),
          " values, got ", values.size());
  Tensor t = empty(shape, Layout::kChannelsLast);
  std::ranges::copy(values, detail::fresh_values(t));
  return t;
}

Tensor Tensor::from_values(const Shape& shape, std::span<const float> values) {
  check_shape(shape);
  require(std::ssize(values) == element_count(shape), "from_values: shape ", shape, " needs ", element_count(shape),
          " values, got ", values.size());
  Tensor t = empty(shape, Layout::kRowMajor);
  std::ranges::copy(values, detail::fresh_values(t));
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
  float* const data = body_of(*this).values();
  detail::Storage& s = *body_->storage;
  if (s.buffer.use_count() > 1) {  // snapshots keep what they hold, and pointers of the tensor stay what they are
    kernels::Buffer copy = kernels::Buffer::floats(size());
    std::copy_n(data, size(), copy.floats());
    auto own = std::make_shared<kernels::Buffer>(std::move(*s.buffer));
    *s.buffer = std::move(copy);
    s.set(std::move(own));
  }
  s.recipe = nullptr;  // what else it tells would no longer be true
  s.exposed = true;
  ++s.version;
  return {data, static_cast<std::size_t>(size())};
}

std::uint64_t Tensor::version() const { return body_of(*this).storage->version; }

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
  std::ranges::copy(values(), detail::fresh_values(copy));
  return copy;
}

}  // namespace octet
