// SPDX-License-Identifier: Apache-2.0
// The vectors of the reference implementation (tests/data/golden, or the folder that OCTET_GOLDEN_DIR names), and the
// summary that each test of them prints: cases, and exceptions with their causes.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/base/error.h"

namespace octet::test {

inline nlohmann::json load_golden_vectors(const std::string& name) {
  const char* const folder = std::getenv("OCTET_GOLDEN_DIR");
  const std::string path = (folder ? std::string(folder) : std::string(OCTET_TEST_DATA) + "/golden") + '/' + name;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return nlohmann::json::parse(file);
}

/// A number, or "nan", "inf", "-inf". Reads a double: nearest float32 of the shortest decimal.
inline double golden_number(const nlohmann::json& json) {
  return json.is_string() ? std::strtod(json.get<std::string>().c_str(), nullptr) : json.get<double>();
}
inline float golden_float(const nlohmann::json& json) { return static_cast<float>(golden_number(json)); }

inline Shape golden_shape(const nlohmann::json& json) { return json.at("shape").get<Shape>(); }

/// The values of a tensor, or of a bare number.
inline std::vector<double> golden_doubles(const nlohmann::json& json) {
  if (!json.is_object()) return {golden_number(json)};
  std::vector<double> values;
  for (const auto& value : json.at("data")) values.push_back(golden_number(value));
  return values;
}
inline std::vector<float> golden_floats(const nlohmann::json& json) {
  const std::vector<double> values = golden_doubles(json);
  return {values.begin(), values.end()};
}

/// Row-major, as weights and the inputs of linear lie.
inline Tensor golden_row_major(const nlohmann::json& json) {
  return Tensor::from_values(golden_shape(json), golden_floats(json));
}
/// Channels-last if 4-D, as the inputs of convolutions lie.
inline Tensor golden_activation(const nlohmann::json& json) {
  return golden_shape(json).size() == 4 ? Tensor::from_nchw(golden_shape(json), golden_floats(json))
                                        : golden_row_major(json);
}

/// Counts the cases of one file; prints the summary at the end of its life.
class GoldenReport {
 public:
  explicit GoldenReport(std::string file) : file_(std::move(file)) {}
  ~GoldenReport() {
    std::cout << "golden " << file_ << ": " << agreeing_ << " of " << cases_ << " cases agree, " << exceptions_.size()
              << " exceptions\n";
    for (const std::string& exception : exceptions_) std::cout << "  " << exception << '\n';
  }
  GoldenReport(const GoldenReport&) = delete;
  GoldenReport& operator=(const GoldenReport&) = delete;

  /// One case in its scope; failures and exceptions noted meanwhile are its.
  template <typename Check>
  void run(const std::string& id, const Check& check) {
    SCOPED_TRACE(file_ + ": " + id);
    const std::size_t exceptions = exceptions_.size();
    const auto failures = failed_parts();
    id_ = id;
    check();
    ++cases_;
    agreeing_ += failed_parts() == failures && exceptions_.size() == exceptions;
  }

  /// Notes that the case differs from the reference, and why it shall.
  void except(const std::string& cause) { exceptions_.push_back(id_ + ": " + cause); }

 private:
  static int failed_parts() {
    return testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
  }

  std::string file_, id_;
  int cases_ = 0, agreeing_ = 0;
  std::vector<std::string> exceptions_;
};

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

/// |ours - expected| <= tolerance * scale, where scale is the sum of the absolute terms; NaN equals NaN.
inline testing::AssertionResult near_sum(double ours, double expected, double scale, double tolerance = 1e-5) {
  if (std::isnan(ours) && std::isnan(expected)) return testing::AssertionSuccess();
  if (std::fabs(ours - expected) <= tolerance * scale) return testing::AssertionSuccess();
  return testing::AssertionFailure() << std::setprecision(9) << ours << ", the golden " << expected << " (sum of terms "
                                     << scale << ")";
}

}  // namespace octet::test
