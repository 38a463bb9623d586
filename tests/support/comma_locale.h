// SPDX-License-Identifier: Apache-2.0
// A program whose locale writes 1234.5 as "1.234,5": what reads and writes files must not notice.
#pragma once

#include <gtest/gtest.h>

#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <locale>
#include <string>
#include <string_view>

#include "octet/base/file.h"

namespace octet::test {

/// Sets the numbers of C++ (std::locale::global) for its lifetime.
class CommaInCpp {
 public:
  CommaInCpp() : before_(std::locale::global(std::locale(std::locale::classic(), new Numbers))) {}
  ~CommaInCpp() { std::locale::global(before_); }
  CommaInCpp(const CommaInCpp&) = delete;
  CommaInCpp& operator=(const CommaInCpp&) = delete;

 private:
  class Numbers final : public std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  std::locale before_;
};

/// Sets the numbers of C (setlocale) for its lifetime, to those of de_DE as glibc's localedef writes them into a file:
/// no test machine has to have that locale.
class CommaInC {
 public:
  CommaInC() {
    using namespace std::string_view_literals;
    constexpr std::string_view kNumeric =
        "\x14\x11\x03\x20\6\0\0\0\x20\0\0\0\x22\0\0\0\x24\0\0\0\x28\0\0\0\x2C\0\0\0\x30\0\0\0"
        ",\0.\0\3\3\0\0,\0\0\0.\0\0\0UTF-8\0"sv;
    const std::filesystem::path locales = std::filesystem::path(testing::TempDir()) / "comma_locales";
    std::filesystem::create_directories(locales / "comma");
    write_file_atomically(locales / "comma" / "LC_NUMERIC", kNumeric);
    ::setenv("LOCPATH", locales.c_str(), /*overwrite=*/1);
    EXPECT_NE(std::setlocale(LC_NUMERIC, "comma"), nullptr);
    EXPECT_STREQ(std::localeconv()->decimal_point, ",");
  }
  ~CommaInC() {
    EXPECT_STREQ(std::localeconv()->decimal_point, ",") << "the library has changed the program's locale";
    std::setlocale(LC_NUMERIC, "C");
    ::unsetenv("LOCPATH");
  }
  CommaInC(const CommaInC&) = delete;
  CommaInC& operator=(const CommaInC&) = delete;
};

}  // namespace octet::test
