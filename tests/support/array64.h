// SPDX-License-Identifier: Apache-2.0
// The double-precision arrays of the references, and seeded random tensors to feed ops and references with.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/base/rng.h"
#include "octet/base/shape.h"

namespace octet::test {

/// Values in row-major order of the logical shape: N, C, H, W for activations. No values: an absent optional input.
struct Array64 {
  Shape shape;
  std::vector<double> values;

  bool defined() const { return !values.empty(); }
  double& operator[](std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  double operator[](std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(values.size()); }
};

inline Array64 zeros64(const Shape& shape) {
  return {shape, std::vector<double>(static_cast<std::size_t>(element_count(shape)))};
}

/// The tensor's values in logical order; an undefined tensor becomes an absent array.
inline Array64 to_array64(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const std::vector<float> values = tensor.to_vector();
  return {tensor.shape(), {values.begin(), values.end()}};
}

/// Rounded to float, laid out as an activation if 4-D (see Tensor::from_nchw), else row-major.
inline Tensor to_tensor(const Array64& array) {
  const std::vector<float> values(array.values.begin(), array.values.end());
  return array.shape.size() == 4 ? Tensor::from_nchw(array.shape, values) : Tensor::from_values(array.shape, values);
}

/// Sum of products, in double.
inline double inner(const Array64& a, const Array64& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}
inline double inner(const Tensor& a, const Tensor& b) { return inner(to_array64(a), to_array64(b)); }

inline double norm(const Array64& a) { return std::sqrt(inner(a, a)); }

/// Random values with mean `mean` and standard deviation `std`.
inline std::vector<float> normal_values(const Shape& shape, Rng& rng, float mean = 0.0F, float std = 1.0F) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& v : values) v = mean + std * rng.normal();
  return values;
}

/// An activation if 4-D, row-major otherwise.
inline Tensor random_tensor(const Shape& shape, Rng& rng, float mean = 0.0F, float std = 1.0F) {
  const std::vector<float> values = normal_values(shape, rng, mean, std);
  return shape.size() == 4 ? Tensor::from_nchw(shape, values) : Tensor::from_values(shape, values);
}

/// Row-major for every rank, as weights lie.
inline Tensor random_weight(const Shape& shape, Rng& rng, float std = 1.0F) {
  return Tensor::from_values(shape, normal_values(shape, rng, 0.0F, std));
}

/// As random_tensor, with no value closer than `gap` to any of `kinks`: where a function has no derivative, finite
/// differences say nothing.
inline Tensor random_tensor_away_from(const std::vector<float>& kinks, const Shape& shape, Rng& rng, float std = 1.0F,
                                      float gap = 0.02F) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& v : values) {
    bool near = true;
    while (near) {
      v = std * rng.normal();
      near = false;
      for (float kink : kinks) near = near || std::fabs(v - kink) < gap;
    }
  }
  return shape.size() == 4 ? Tensor::from_nchw(shape, values) : Tensor::from_values(shape, values);
}

}  // namespace octet::test
