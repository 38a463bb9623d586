// SPDX-License-Identifier: Apache-2.0
// The JSON files in tests/data, which PyTorch wrote.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace octet::test {

/// A file of tests/data.
inline nlohmann::json load_golden(const std::string& name) {
  std::ifstream file(std::string(OCTET_TEST_DATA) + '/' + name);
  EXPECT_TRUE(file) << name;
  return nlohmann::json::parse(file);
}

}  // namespace octet::test
