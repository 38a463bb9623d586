// SPDX-License-Identifier: Apache-2.0
// What PyTorch computes: the sections of tests/data/pytorch_ops.json, see the README beside it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "octet/autograd/tensor.h"
#include "support/array64.h"
#include "support/golden_json.h"

namespace octet::test {

/// The cases of one section.
inline nlohmann::json pytorch_cases(const std::string& section) { return load_golden("pytorch_ops.json").at(section); }

inline Array64 array64_from(const nlohmann::json& array) {
  return {array.at("shape").get<Shape>(), array.at("values").get<std::vector<double>>()};
}

/// An activation if 4-D, row-major otherwise.
inline Tensor tensor_from(const nlohmann::json& array) { return to_tensor(array64_from(array)); }

/// |ours - expected| <= tolerance * max(1, |expected|) everywhere.
[[nodiscard]] inline testing::AssertionResult near(const Tensor& ours, const nlohmann::json& expected,
                                                   double tolerance = 1e-6) {
  const Array64 a = to_array64(ours), b = array64_from(expected);
  if (a.shape != b.shape) return testing::AssertionFailure() << "shapes differ";
  for (std::int64_t i = 0; i < a.size(); ++i)
    if (!(std::fabs(a[i] - b[i]) <= tolerance * std::max(1.0, std::fabs(b[i]))))
      return testing::AssertionFailure() << "element " << i << ": " << a[i] << ", PyTorch has " << b[i];
  return testing::AssertionSuccess();
}

}  // namespace octet::test
