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

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("d\xC3\xA9j\xC3\xA0 \xF0\x9F\x98\x80"), "d\xC3\xA9j\xC3\xA0 \xF0\x9F\x98\x80");
  EXPECT_EQ(printable("\x1B]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(printable("one\ntwo\r\tthree\x7F"), "one\\x0atwo\\x0d\\x09three\\x7f");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "\\u009b31m");  // the C1 form of escape and bracket
  EXPECT_EQ(printable("\xE2\x80\xAEtxt.exe \xE2\x81\xA6 \xE2\x80\xA8 \xD8\x9C \xEF\xBB\xBF"),
            "\\u202etxt.exe \\u2066 \\u2028 \\u061c \\ufeff");
  EXPECT_EQ(printable("caf\xE9 \xED\xA0\x80"), "caf\\xe9 \\xed\\xa0\\x80");
}

TEST(Printable, ShowsAtMostTwoHundredCharacters) {
  const std::string whole(200, 'x');
  EXPECT_EQ(printable(whole), whole);
  EXPECT_EQ(printable("begin" + std::string(100'000, 'x') + "end"),
            "begin" + std::string(135, 'x') + "..." + std::string(57, 'x') + "end (100008 characters)");
  std::string wide;
  for (int i = 0; i < 201; ++i) wide += "\xC3\xA9";
  EXPECT_EQ(printable(wide), wide.substr(0, 280) + "..." + wide.substr(0, 120) + " (201 characters)");
}

TEST(Printable, ChangesNothingTheSecondTime) {
  const std::string once = printable("\x1B[2J\xC2\x85\xFF");
  EXPECT_EQ(printable(once), once);
  EXPECT_EQ(printable_lines("one\n\x1B[2Jtwo"), "one\n\\x1b[2Jtwo");
}

TEST(InQuotes, LeavesTheMiddleOfLongTextsOut) {
  EXPECT_EQ(in_quotes(std::string(200, 'x')), '"' + std::string(200, 'x') + '"');
  EXPECT_EQ(in_quotes(std::string(201, 'x')),
            '"' + std::string(140, 'x') + "..." + std::string(60, 'x') + " (201 characters)\"");
}

}  // namespace
}  // namespace octet
