// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octet/config/document.h"
#include "support/error_text.h"
#include "support/library_message.h"

namespace octet {
namespace {

using test::ends_in_library_words;
using Kind = Document::Kind;

std::string error(std::string_view text) {
  return test::error_text([&] { parse_json(text, "a.json"); });
}

TEST(ParseJson, KeepsIntegersAndRealsApart) {
  const Document list = parse_json("[1, 1.0, 1e2, -0, -0.0, 9223372036854775807, -9223372036854775808]", "a.json");
  const Kind kinds[] = {Kind::kInteger, Kind::kReal,    Kind::kReal,   Kind::kInteger,
                        Kind::kReal,    Kind::kInteger, Kind::kInteger};
  for (std::size_t i = 0; i < list.items().size(); ++i) EXPECT_EQ(list.items()[i].kind(), kinds[i]) << i;
  EXPECT_EQ(to_json(list), "[1, 1.0, 100.0, 0, -0.0, 9223372036854775807, -9223372036854775808]");
}

TEST(ParseJson, ReadsEscapesAndMarksStringsAsQuoted) {
  const Document text = parse_json(R"("a\n\u00e9\ud83d\ude00\u0000")", "a.json");
  EXPECT_EQ(text.as_string(), std::string("a\n\xC3\xA9\xF0\x9F\x98\x80\0", 9));
  EXPECT_TRUE(text.is_quoted());
}

TEST(ParseJson, ReadsScalarsAtTheTop) {
  EXPECT_TRUE(parse_json(" null ", "a.json").is_null());
  EXPECT_EQ(parse_json("\n 12", "a.json").position().to_string(), "a.json:2:2");
}

TEST(ParseJson, RefusesIntegersBeyond64Bits) {
  EXPECT_EQ(error("[9223372036854775808]"), "a.json:1:2: the integer does not fit in 64 bits");
  EXPECT_EQ(error("{\"a\":\n  -9223372036854775809}"), "a.json:2:3: the integer does not fit in 64 bits");
  EXPECT_EQ(error("[1, 123456789012345678901234567890]"), "a.json:1:5: the integer does not fit in 64 bits");
}

TEST(ParseJson, SaysWhereTheSyntaxIsWrong) {
  EXPECT_THAT(error(""), ends_in_library_words("a.json:1:1: "));
  EXPECT_THAT(error("{\"a\": 1,\n \"b\": trx}"), ends_in_library_words("a.json:2:9: "));
  EXPECT_THAT(error("[1, 2"), ends_in_library_words("a.json:1:6: "));
  EXPECT_THAT(error("[1] 2"), ends_in_library_words("a.json:1:5: "));
  EXPECT_THAT(error("[1, // two\n 2]"), ends_in_library_words("a.json:1:5: "));
  EXPECT_THAT(error("[1e999]"), ends_in_library_words("a.json:1:6: "));
}

TEST(ParseJson, KeepsMessagesAboutLongInputShort) {
  const std::string message = error("[\"" + std::string(199, 'x') + std::string(1 << 20, '\xC3') + "\n");
  EXPECT_EQ(message, "a.json:1:202: not UTF-8");
  EXPECT_LT(error("[\"" + std::string(1 << 20, 'x')).size(), 250U);
}

}  // namespace
}  // namespace octet
