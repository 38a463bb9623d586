// SPDX-License-Identifier: Apache-2.0
// Tensor: a cheap handle to float32 values, their gradient, and the tape entry that made them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "octet/base/shape.h"

namespace octet {

namespace detail {
struct TensorBody;
}

/// Order of a tensor's values in memory. 4-D activations are always channels-last (N, H, W, C); everything else, 4-D
/// weights included, is row-major.
enum class Layout { kRowMajor, kChannelsLast };

/// A handle: copying aliases, clone() copies, detach() shares the values without history. A default-constructed
/// Tensor is undefined and stands for "absent" (no bias, no gradient). A Tensor belongs to one
/// thread at a time; values that are there (an input that was filled, parameters) may be read by any number.
class Tensor {
 public:
  Tensor() = default;

  /// Uninitialised values. A 4-D shape is an activation (channels-last) unless `layout` says otherwise.
  static Tensor empty(const Shape& shape);
  static Tensor empty(const Shape& shape, Layout layout);
  static Tensor zeros(const Shape& shape);
  static Tensor zeros(const Shape& shape, Layout layout);
  static Tensor full(const Shape& shape, float value);
  static Tensor scalar(float value);
  /// An activation [N, C, H, W] from values in N, C, H, W order (PyTorch's default order).
  static Tensor from_nchw(const Shape& shape, std::span<const float> values);
  /// An activation [N, C, H, W] from values in N, H, W, C order (the order in memory).
  static Tensor from_nhwc(const Shape& shape, std::span<const float> values);
  /// Row-major values of any rank; a 4-D result is a weight, not an activation.
  static Tensor from_values(const Shape& shape, std::span<const float> values);

  bool defined() const { return body_ != nullptr; }
  const Shape& shape() const;
  std::int64_t dim(std::size_t i) const;
  std::size_t rank() const { return shape().size(); }
  std::int64_t size() const;  ///< number of elements
  Layout layout() const;

  /// The values in memory order (see layout()).
  std::span<const float> values() const;
  /// Writable values in memory order. Results of earlier ops stay what they were, and a backward pass that would read
  /// the values that were here throws Error. Ask anew for each time you write: what goes through an older span is not
  /// noticed by those who keep something made of the values (backward passes, int8 weights of evaluation).
  std::span<float> mutable_values();
  /// How often mutable_values() was called for these values.
  std::uint64_t version() const;
  /// A copy of the values in row-major order of the logical shape: N, C, H, W for activations.
  std::vector<float> to_vector() const;
  /// As to_vector(), for a 4-D tensor. Throws Error for another rank.
  std::vector<float> to_nchw() const;
  /// The value of a one-element tensor.
  float item() const;

  /// Marks a leaf (parameter) whose gradient backward() shall compute.
  Tensor& set_requires_grad(bool requires_grad = true);
  bool requires_grad() const;
  /// The gradient that backward() left here: undefined before, and after zero_grad().
  Tensor grad() const;
  void set_grad(Tensor grad);
  void zero_grad();

  /// Runs the tape backwards from this scalar, newest op first, adding into grad() of every leaf that requires it.
  /// The tape behind it is freed on the way; a second call throws Error. Where it throws midway (memory may run out),
  /// every grad() is as before; run the forward pass again, too.
  void backward() const;
  /// The same from a tensor of any shape, with d(loss)/d(this) given.
  void backward(const Tensor& gradient) const;

  Tensor detach() const;
  Tensor clone() const;
  /// True for two handles of one tensor.
  bool same_as(const Tensor& other) const { return body_ == other.body_; }

  explicit Tensor(std::shared_ptr<detail::TensorBody> body) : body_(std::move(body)) {}
  const std::shared_ptr<detail::TensorBody>& body() const { return body_; }

 private:
  std::shared_ptr<detail::TensorBody> body_;
};

}  // namespace octet
