// SPDX-License-Identifier: Apache-2.0
// The vectors of the reference implementation (tests/data/golden, or the folder that OCTET_GOLDEN_DIR names): their
// numbers and tensors, and how ours are compared with them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iomanip>
#include <string>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/base/error.h"
#include "support/golden_report.h"
#include "support/golden_value.h"

namespace octet::test {

/// A number, or "nan", "inf", "-inf". Reads a double: nearest float32 of the shortest decimal.
inline double golden_number(const GoldenJson& json) {
  return json.is_string() ? std::strtod(json.get<std::string>().c_str(), nullptr) : json.get<double>();
}
inline double golden_number(const Golden& golden) { return golden_number(golden.whole()); }
inline float golden_float(const Golden& golden) { return static_cast<float>(golden_number(golden)); }

/// Of a bare number {}.
inline Shape golden_shape(const Golden& golden) {
  const GoldenJson& json = golden.peek();
  return json.is_object() ? json.at("shape").get<Shape>() : Shape{};
}

/// The values of a tensor, or of a bare number.
inline std::vector<double> golden_doubles(const Golden& golden) {
  const GoldenJson& json = golden.whole();
  if (!json.is_object()) return {golden_number(json)};
  std::vector<double> values;
  for (const auto& value : json.at("data")) values.push_back(golden_number(value));
  return values;
}
inline std::vector<float> golden_floats(const Golden& golden) {
  const std::vector<double> values = golden_doubles(golden);
  return {values.begin(), values.end()};
}
template <typename T>
std::vector<T> golden_integers(const Golden& golden) {
  return golden.whole().at("data").get<std::vector<T>>();
}

/// Row-major, as weights and the inputs of linear lie.
inline Tensor golden_row_major(const Golden& golden) {
  return Tensor::from_values(golden_shape(golden), golden_floats(golden));
}
/// Channels-last if 4-D, as the inputs of convolutions lie.
inline Tensor golden_activation(const Golden& golden) {
  return golden_shape(golden).size() == 4 ? Tensor::from_nchw(golden_shape(golden), golden_floats(golden))
                                          : golden_row_major(golden);
}
/// As another tensor lies: a gradient as its output.
inline Tensor golden_like(const Tensor& other, const Golden& golden) {
  return other.layout() == Layout::kChannelsLast ? golden_activation(golden) : golden_row_major(golden);
}

/// The same bits in every element.
inline testing::AssertionResult equal_bits(const std::vector<float>& ours, const std::vector<float>& expected) {
  if (ours.size() != expected.size())
    return testing::AssertionFailure() << ours.size() << " values, not " << expected.size();
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (std::memcmp(&ours[i], &expected[i], sizeof(float)) != 0)
      return testing::AssertionFailure() << std::setprecision(9) << "element " << i << ": " << ours[i]
                                         << ", the golden " << expected[i];
  }
  return testing::AssertionSuccess();
}

/// The same sizes, where the golden is more than one number.
inline testing::AssertionResult equal_shapes(const Tensor& ours, const Golden& golden) {
  const Shape expected = golden_shape(golden);
  if (ours.shape() == expected || (ours.size() == 1 && element_count(expected) == 1))
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << text("shape ", ours.shape(), ", the golden ", expected);
}

/// The same shape, and bits in every element.
inline testing::AssertionResult equal_bits(const Tensor& ours, const Golden& golden) {
  if (!ours.defined()) return testing::AssertionFailure() << golden.path() << ": ours is undefined";
  auto result = equal_shapes(ours, golden);
  if (result) result = equal_bits(ours.to_vector(), golden_floats(golden));
  return result ? result : testing::AssertionFailure() << golden.path() << ": " << result.message();
}

/// |ours - expected| <= tolerance * scale, where scale is the sum of the absolute terms; NaN equals NaN.
inline testing::AssertionResult near_sum(double ours, double expected, double scale, double tolerance = 1e-5) {
  if (std::isnan(ours) && std::isnan(expected)) return testing::AssertionSuccess();
  if (std::fabs(ours - expected) <= tolerance * scale) return testing::AssertionSuccess();
  return testing::AssertionFailure() << std::setprecision(9) << ours << ", the golden " << expected << " (sum of terms "
                                     << scale << ")";
}

/// Each element to `tolerance` of its sum of absolute terms. A golden null stands for no tensor.
inline testing::AssertionResult sums_agree(const Tensor& ours, const Golden& golden, const std::vector<double>& terms,
                                           double tolerance) {
  const auto failure = [&] { return testing::AssertionFailure() << golden.path() << ": "; };
  if (golden.is_null() || !ours.defined()) {
    if (golden.is_null() == !ours.defined()) return testing::AssertionSuccess();
    return failure() << (ours.defined() ? "defined, the golden is none" : "undefined");
  }
  if (const auto shapes = equal_shapes(ours, golden); !shapes) return failure() << shapes.message();
  const std::vector<double> expected = golden_doubles(golden);
  const std::vector<float> values = ours.to_vector();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto result = near_sum(values[i], expected[i], terms.at(terms.size() == 1 ? 0 : i), tolerance);
    if (!result) return failure() << "element " << i << ": " << result.message();
  }
  return testing::AssertionSuccess();
}

/// The same relative to the largest value of the tensor, which is less than a sum of absolute terms.
inline testing::AssertionResult agrees(const Tensor& ours, const Golden& golden, double tolerance) {
  if (golden.is_null()) return sums_agree(ours, golden, {}, tolerance);
  double largest = 0.0;
  for (const double v : golden_doubles(golden)) largest = std::isnan(v) ? largest : std::max(largest, std::fabs(v));
  return sums_agree(ours, golden, {largest}, tolerance);
}

}  // namespace octet::test
