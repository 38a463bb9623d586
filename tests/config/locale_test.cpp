// SPDX-License-Identifier: Apache-2.0
// Numbers in texts and files depend neither on the locale nor on the rounding mode that a program has set.
#include <gtest/gtest.h>

#include "octet/base/error.h"
#include "octet/base/number_text.h"
#include "octet/base/shape.h"
#include "octet/config/document.h"
#include "support/comma_locale.h"
#include "support/float_mode.h"

namespace octet {
namespace {

void expect_plain_numbers() {
  EXPECT_EQ(text("x ", 1234567, ' ', 1234.5, ' ', 0.1F, ' ', Shape{1000, 2000}, ' ', Size2(1000, 3)),
            "x 1234567 1234.5 0.1 [1000, 2000] 1000x3");
  EXPECT_EQ(shortest_text(1234.5), "1234.5");

  const Document json = parse_json(R"({"a": 1.5, "b": -1e-3, "c": 1234567, "d": 2.5e300})", "a.json");
  EXPECT_EQ(json.at("a").as_real(), 1.5);
  EXPECT_EQ(json.at("b").as_real(), -1e-3);
  EXPECT_EQ(json.at("c").as_integer(), 1234567);
  EXPECT_EQ(json.at("d").as_real(), 2.5e300);
  EXPECT_EQ(to_json(json), R"({"a": 1.5, "b": -0.001, "c": 1234567, "d": 2.5e+300})");

  const Document yaml = parse_yaml("# version\n%YAML 1.2\n---\n{a: 1.5, b: -1e-3, c: 1234567}", "a.yaml");
  EXPECT_EQ(to_json(yaml), R"({"a": 1.5, "b": -0.001, "c": 1234567})");
}

TEST(Locale, OfCppChangesNoNumber) {
  const test::CommaInCpp comma;
  expect_plain_numbers();
}

TEST(Locale, OfCChangesNoNumber) {
  const test::CommaInC comma;
  expect_plain_numbers();
}

TEST(FloatEnvironment, NumbersAreReadAsEver) {
  const double expected = parse_json("0.1", "text").as_real();
  for (const test::FloatMode mode : test::kFloatModes) {
    const test::FloatModeScope host(mode);
    EXPECT_EQ(parse_json("0.1", "text").as_real(), expected) << test::name_of(mode);
    EXPECT_EQ(parse_yaml("0.1", "text").as_real(), expected) << test::name_of(mode);
  }
}

}  // namespace
}  // namespace octet
