// SPDX-License-Identifier: Apache-2.0
// to_json.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "octet/config/document.h"
#include "support/error_text.h"

namespace octet {
namespace {

Document sample() {
  return Document::map({{"seed", 7},
                        {"lr", 0.1},
                        {"classes", Document::list({"shirt", Document(), false})},
                        {"none", Document::list()},
                        {"empty", Document::map()}});
}

TEST(ToJson, WritesOneLine) {
  EXPECT_EQ(to_json(sample()), R"({"seed": 7, "lr": 0.1, "classes": ["shirt", null, false], "none": [], "empty": {}})");
}

TEST(ToJson, IndentsWhenAsked) {
  EXPECT_EQ(to_json(sample(), 2),
            "{\n  \"seed\": 7,\n  \"lr\": 0.1,\n  \"classes\": [\n    \"shirt\",\n    null,\n    false\n  ],\n"
            "  \"none\": [],\n  \"empty\": {}\n}");
}

TEST(ToJson, WritesWhatAnotherReaderUnderstands) {
  const std::string text = std::string("\"\\/\b\f\n\r\t\x01\x7F\0", 11) + "\xC3\xA9\xF0\x9F\x98\x80";
  const std::string written = to_json(Document::map({{text, text}}), 1);
  const nlohmann::json read = nlohmann::json::parse(written);
  EXPECT_EQ(read.at(text).get<std::string>(), text);
  EXPECT_EQ(parse_json(written, "a.json").at(text).as_string(), text);
}

TEST(ToJson, WritesRealsThatReadBackAsTheSameReals) {
  for (double value : {0.1, 1.0, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0}) {
    const Document read = parse_json(to_json(value), "a.json");
    ASSERT_EQ(read.kind(), Document::Kind::kReal);
    EXPECT_EQ(read.as_real(), value);
    EXPECT_EQ(std::signbit(read.as_real()), std::signbit(value));
  }
}

TEST(ToJson, WritesWhatIsNotFiniteAsStrings) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(to_json(Document::list({std::nan(""), kInfinity, -kInfinity})), R"(["nan", "inf", "-inf"])");
}

TEST(ToJson, RefusesStringsThatAreNotUtf8) {
  EXPECT_EQ(test::error_text([] { to_json(Document::list({"a\xFF"})); }), "to_json: \"a\\xff\" is not UTF-8");
  EXPECT_EQ(test::error_text([] { to_json(Document::map({{"\xC3", 1}})); }), "to_json: \"\\xc3\" is not UTF-8");
}

TEST(ToJson, EscapesWhatATerminalWouldObey) {
  const std::string json = to_json(Document("\x1B\xC2\x9B\xE2\x80\xAE\xC3\xA9"));
  EXPECT_EQ(json, "\"\\u001b\\u009b\\u202e\xC3\xA9\"");
  EXPECT_EQ(parse_json(json, "").as_string(), "\x1B\xC2\x9B\xE2\x80\xAE\xC3\xA9");
}

}  // namespace
}  // namespace octet
