// SPDX-License-Identifier: Apache-2.0
// What JSON and YAML have in common: limits, UTF-8, unique keys, and the same document for the same content.
#include "octet/config/document_builder.h"

#include <gtest/gtest.h>

#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;
using Parse = Document (*)(std::string_view, std::string, const DocumentLimits&);

class BothFormats : public testing::TestWithParam<Parse> {
 protected:
  std::string error(std::string_view text, const DocumentLimits& limits = {}) const {
    return error_text([&] { GetParam()(text, "f", limits); });
  }
};

INSTANTIATE_TEST_SUITE_P(JsonAndYaml, BothFormats, testing::Values(&parse_json, &parse_yaml),
                         [](const auto& test) { return test.param == &parse_json ? "Json" : "Yaml"; });

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST_P(BothFormats, PlaceEveryValueAndKey) {
  const Document document =
      GetParam()("{\"a\": [1 ,  2.5],\n \"b\" : {\"c\": \"x\"},\n\"d\":\n\ttrue, \"e\": [{}, [] ,-3]}", "f", {});
  const auto where = [](const Document& value) { return value.position().to_string(); };
  EXPECT_EQ(where(document), "f:1:1");
  EXPECT_EQ(document.members()[0].position.to_string(), "f:1:2");
  EXPECT_EQ(where(document.at("a")), "f:1:7");
  EXPECT_EQ(where(document.at("a").items()[0]), "f:1:8");
  EXPECT_EQ(where(document.at("a").items()[1]), "f:1:13");
  EXPECT_EQ(document.members()[1].position.to_string(), "f:2:2");
  EXPECT_EQ(where(document.at("b")), "f:2:8");
  EXPECT_EQ(where(document.at("b").at("c")), "f:2:14");
  EXPECT_EQ(document.members()[2].position.to_string(), "f:3:1");
  EXPECT_EQ(where(document.at("d")), "f:4:2");
  EXPECT_EQ(document.members()[3].position.to_string(), "f:4:8");
  EXPECT_EQ(where(document.at("e").items()[0]), "f:4:14");
  EXPECT_EQ(where(document.at("e").items()[1]), "f:4:18");
  EXPECT_EQ(where(document.at("e").items()[2]), "f:4:22");
}

TEST_P(BothFormats, RefuseDuplicateKeysAtTheSecond) {
  EXPECT_EQ(error("{\"lr\": 1,\n \"x\": 2,\n \"lr\": 3}"), "f:3:2: duplicate key \"lr\"");
}

TEST_P(BothFormats, FindADuplicateAmongManyKeysQuickly) {
  std::string text = "{";
  for (int i = 0; i < 30000; ++i) text += "\"key" + std::to_string(i * 7919 % 200003) + "\": 1,\n";
  text += "\"key0\": 2}";
  EXPECT_EQ(error(text), "f:30001:1: duplicate key \"key0\"");
}

TEST_P(BothFormats, LimitTheLength) {
  EXPECT_EQ(error("[1, 2]", {.max_bytes = 6}), "no error");
  EXPECT_EQ(error("[1, 2]", {.max_bytes = 5}), "f: 6 bytes, more than the limit of 5");
}

TEST_P(BothFormats, LimitTheDepth) {
  EXPECT_EQ(error(nested(64)), "no error");
  EXPECT_EQ(error(nested(65)), "f:1:65: more than 64 levels of lists and maps");
  EXPECT_EQ(error(nested(100000)), "f:1:65: more than 64 levels of lists and maps");
}

TEST_P(BothFormats, LimitTheNumberOfValues) {
  EXPECT_EQ(error("[1, [2]]", {.max_nodes = 4}), "no error");
  EXPECT_EQ(error("[1, [2], 3]", {.max_nodes = 4}), "f:1:10: more than 4 values");
}

TEST_P(BothFormats, RefuseBytesThatAreNotUtf8) {
  EXPECT_EQ(error("[1,\n \"\xC3\xA9\xFF\"]"), "f:2:5: not UTF-8");
  EXPECT_EQ(error(std::string_view("\xFF\xFE[\0]\0", 6)), "f:1:1: not UTF-8");
}

TEST_P(BothFormats, PassOverAByteOrderMark) {
  EXPECT_EQ(to_json(GetParam()("\xEF\xBB\xBF[1]", "f", {})), "[1]");
  EXPECT_EQ(GetParam()("\xEF\xBB\xBF[1]", "f", {}).items()[0].position().line, 1);
}

TEST(PlaceOf, CountsLinesAndBytes) {
  const auto place = [](std::string_view text, std::size_t offset) {
    const auto [line, column] = detail::place_of(text, offset);
    return std::pair(line, column);
  };
  EXPECT_EQ(place("", 0), std::pair(1, 1));
  EXPECT_EQ(place("ab\ncd", 1), std::pair(1, 2));
  EXPECT_EQ(place("ab\ncd", 2), std::pair(1, 3));
  EXPECT_EQ(place("ab\ncd", 3), std::pair(2, 1));
  EXPECT_EQ(place("ab\n\ncd", 6), std::pair(3, 3));
}

}  // namespace
}  // namespace octet
