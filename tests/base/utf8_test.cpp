// SPDX-License-Identifier: Apache-2.0
#include "octet/base/utf8.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

TEST(Utf8, AcceptsTheFirstAndLastCharacterOfEachLength) {
  for (std::string_view text : {"\x01", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xEF\xBF\xBF", "\xED\x9F\xBF",
                                "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(invalid_utf8_at(text), std::string_view::npos) << in_quotes(text);
  EXPECT_EQ(invalid_utf8_at(""), std::string_view::npos);
  EXPECT_EQ(invalid_utf8_at(std::string_view("\0", 1)), std::string_view::npos);
}

TEST(Utf8, FindsTheByteWhereWellFormedTextEnds) {
  for (std::string_view bad : {"\x80",              // continuation without a lead
                               "\xC0\xAF",          // overlong, 2 bytes
                               "\xC1\xBF",          //
                               "\xE0\x9F\xBF",      // overlong, 3 bytes
                               "\xF0\x8F\xBF\xBF",  // overlong, 4 bytes
                               "\xED\xA0\x80",      // surrogate
                               "\xF4\x90\x80\x80",  // above U+10FFFF
                               "\xF5\x80\x80\x80",  //
                               "\xFF",              //
                               "\xC3",              // cut short
                               "\xE2\x82",          //
                               "\xF0\x9F\x98",      //
                               "\xE2z\x82"})
    EXPECT_EQ(invalid_utf8_at("a\xC3\xA9" + std::string(bad)), 3U) << in_quotes(bad);
}

TEST(InQuotes, ShowsWhatATerminalShouldNotInterpret) {
  EXPECT_EQ(in_quotes("d\xC3\xA9j\xC3\xA0"), "\"d\xC3\xA9j\xC3\xA0\"");
  EXPECT_EQ(in_quotes("a\n\x1B[31m\x7F\xFF"), "\"a\\x0a\\x1b[31m\\x7f\\xff\"");
}

TEST(InQuotes, CutsLongTextsBetweenCharacters) {
  EXPECT_EQ(in_quotes(std::string(60, 'x')), '"' + std::string(60, 'x') + '"');
  EXPECT_EQ(in_quotes(std::string(61, 'x')), '"' + std::string(60, 'x') + "\"...");
  EXPECT_EQ(in_quotes(std::string(59, 'x') + "\xC3\xA9z"), '"' + std::string(59, 'x') + "\xC3\xA9\"...");
}

}  // namespace
}  // namespace octet
