// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "octet/config/document.h"
#include "support/address_space_limit.h"
#include "support/error_text.h"
#include "support/library_message.h"

namespace octet {
namespace {

using test::ends_in_library_words;
using Kind = Document::Kind;

Document parse(std::string_view text) { return parse_yaml(text, "a.yaml"); }
std::string error(std::string_view text) {
  return test::error_text([&] { parse(text); });
}

TEST(ParseYaml, KnowsTheScalarsOfTheCoreSchema) {
  for (const char* text : {"", "~", "null", "Null", "NULL", "# only a comment"})
    EXPECT_TRUE(parse(text).is_null()) << text;
  for (const char* text : {"true", "True", "TRUE"}) EXPECT_TRUE(parse(text).as_bool()) << text;
  for (const char* text : {"false", "False", "FALSE"}) EXPECT_FALSE(parse(text).as_bool()) << text;
  const std::pair<const char*, std::int64_t> integers[] = {
      {"0", 0},   {"12", 12},   {"-12", -12}, {"+12", 12},
      {"007", 7}, {"0x1F", 31}, {"0o17", 15}, {"-9223372036854775808", INT64_MIN}};
  for (const auto& [text, value] : integers) EXPECT_EQ(parse(text).as_integer(), value) << text;
  const std::pair<const char*, double> reals[] = {{"0.1", 0.1},  {"1.", 1},     {".5", 0.5},    {"-.5", -0.5},
                                                  {"+1.5", 1.5}, {"1e3", 1000}, {"1E-3", 1e-3}, {"-1.5e+2", -150}};
  for (const auto& [text, value] : reals) {
    EXPECT_EQ(parse(text).kind(), Kind::kReal) << text;
    EXPECT_EQ(parse(text).as_real(), value) << text;
  }
  for (const char* text : {".inf", ".Inf", "+.INF"}) EXPECT_EQ(parse(text).as_real(), HUGE_VAL) << text;
  EXPECT_EQ(parse("-.inf").as_real(), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(parse(".nan").as_real()));
}

TEST(ParseYaml, TakesEverythingElseForText) {
  for (const char* text :
       {"yes", "no", "on", "off", "y",  "tRue",  "1_000", "0b1",        "0x",  "0xG", "0o8",   "-0x1", "1e",
        "1e+", ".",  "-",  "+",   "e5", "1.2.3", "12:30", "2001-01-01", "nan", "inf", "-.nan", "++1",  "1 2"}) {
    if (std::string_view(text) == "-") continue;  // an empty list item
    EXPECT_EQ(parse(text).kind(), Kind::kString) << text;
    EXPECT_FALSE(parse(text).is_quoted()) << text;
  }
}

TEST(ParseYaml, TakesMarkedStringsForText) {
  for (const char* text : {"'12'", "\"12\"", "!!str 12", "! 12", "|-\n  12", ">-\n  12"}) {
    EXPECT_EQ(parse(text).describe(), "the quoted string \"12\"") << text;
  }
  EXPECT_EQ(parse("''").as_string(), "");
  EXPECT_EQ(parse("a: !!str\n").at("a").as_string(), "");
}

TEST(ParseYaml, ReadsBlocksWithPositions) {
  const Document document = parse("training:\n  epochs: 3\n  steps:\n    - 1\n    -  2\nname: \"a b\"\n7: seven\n");
  EXPECT_EQ(to_json(document), R"({"training": {"epochs": 3, "steps": [1, 2]}, "name": "a b", "7": "seven"})");
  EXPECT_EQ(document.members()[0].position.to_string(), "a.yaml:1:1");
  EXPECT_EQ(document.at("training").position().to_string(), "a.yaml:2:3");
  EXPECT_EQ(document.at("training").at("epochs").position().to_string(), "a.yaml:2:11");
  EXPECT_EQ(document.at("training").at("steps").items()[1].position().to_string(), "a.yaml:5:8");
  EXPECT_EQ(document.at("name").position().to_string(), "a.yaml:6:7");
}

TEST(ParseYaml, ReadsBlockStringsUpToTheEndOfTheText) {
  EXPECT_EQ(parse("a: |\n  x\n  y\n").at("a").as_string(), "x\ny\n");
  EXPECT_EQ(parse("a: |+\n  x\n\n").at("a").as_string(), "x\n\n");
  EXPECT_EQ(parse("a: >-\n  x\n  y").at("a").as_string(), "x y");
}

TEST(ParseYaml, RefusesReferences) {
  EXPECT_EQ(error("a: &x 1\nb: *x\n"), "a.yaml:1:4: anchors (&name) are not supported");
  EXPECT_EQ(error("a: &x [1]\n"), "a.yaml:1:4: anchors (&name) are not supported");
  EXPECT_EQ(error("&x a: 1\n"), "a.yaml:1:1: anchors (&name) are not supported");
  EXPECT_EQ(error("a: &x\n"), "a.yaml:1:4: anchors (&name) are not supported");
  EXPECT_THAT(error("a: *x\n"), ends_in_library_words("a.yaml:1:4: "));
}

TEST(ParseYaml, RefusesTagsOtherThanStr) {
  EXPECT_EQ(error("a: !!float 1\n"), "a.yaml:1:4: the tag \"tag:yaml.org,2002:float\" is not supported");
  EXPECT_EQ(error("a: !mine {}\n"), "a.yaml:1:4: the tag \"!mine\" is not supported");
  EXPECT_EQ(error("a: !!str [1]\n"), "a.yaml:1:4: the tag \"tag:yaml.org,2002:str\" is not supported");
}

TEST(ParseYaml, RefusesKeysThatAreNotScalars) {
  EXPECT_EQ(error("? [a]\n: 1\n"), "a.yaml:1:3: a key has to be a scalar; is a bracket not closed?");
  EXPECT_EQ(error("{a: 1, {b: 2}: 3}"), "a.yaml:1:8: a key has to be a scalar; is a bracket not closed?");
  EXPECT_EQ(error("~: 1\n"), "a.yaml:1:1: a key has to be a scalar, not null");
  EXPECT_EQ(error(": 1\n"), "a.yaml:1:1: a key has to be a scalar, not null");
}

TEST(ParseYaml, RefusesASecondDocument) {
  EXPECT_EQ(error("a: 1\n---\nb: 2\n"), "a.yaml:2:1: a second YAML document starts here");
  EXPECT_EQ(to_json(parse("%YAML 1.2\n---\na: 1\n...\n")), R"({"a": 1})");
}

TEST(ParseYaml, RefusesNumbersThatDoNotFit) {
  EXPECT_EQ(error("a: 9223372036854775808\n"),
            "a.yaml:1:4: the integer \"9223372036854775808\" does not fit in 64 bits");
  EXPECT_EQ(error("a: 0xFFFFFFFFFFFFFFFF\n"), "a.yaml:1:4: the integer \"0xFFFFFFFFFFFFFFFF\" does not fit in 64 bits");
  EXPECT_EQ(error("a: 1e999\n"), "a.yaml:1:4: the number \"1e999\" does not fit in a double");
}

TEST(ParseYaml, RefusesControlCharacters) {
  EXPECT_EQ(error("a: 1\nb: \x04\nc: 2\n"), "a.yaml:2:4: control character");
  EXPECT_EQ(error(std::string_view("a: \0", 4)), "a.yaml:1:4: control character");
}

TEST(ParseYaml, SaysWhereTheSyntaxIsWrong) {
  EXPECT_THAT(error("a: [1, 2\nb: 3\n"), ends_in_library_words("a.yaml:2:2: "));
  EXPECT_THAT(error("a: 1\n b: 2\n"), ends_in_library_words("a.yaml:2:3: "));
  for (const char* text : {"a: \"x", "a: \"x\n", "a: 'x\n"})
    EXPECT_EQ(error(text), "a.yaml:2:1: a quoted string has no end") << text;
  EXPECT_EQ(error("[1, 2\n"), "a.yaml:1:1: a key has to be a scalar; is a bracket not closed?");
  EXPECT_EQ(error("[1] 2"), "a.yaml:1:5: a second YAML document starts here");
  EXPECT_THAT(error("a: 1\n\tb: 2\n"), ends_in_library_words("a.yaml:2:"));
}

TEST(ParseYaml, RefusesLongPiecesBeforeItTakesMemoryForThem) {
  const test::AddressSpaceLimit limit(200 << 20);
  const std::string rule = "more than 524288 bytes in one list, map or scalar follow";
  for (const char* const piece : {"[", "{", "a, "}) {
    std::string text = "a: 1\nb:\n  [";
    while (text.size() < (1 << 20)) text += piece;
    EXPECT_EQ(error(text), "a.yaml:2:1: " + rule) << piece;
  }
  EXPECT_EQ(error("a: \"" + std::string(1 << 20, 'x') + '"'), "a.yaml:1:1: " + rule);
  EXPECT_EQ(parse("a: [" + std::string(500'000, ' ') + "1]").at("a").items().size(), 1U);
}

}  // namespace
}  // namespace octet
