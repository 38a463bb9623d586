// SPDX-License-Identifier: Apache-2.0
#include "octet/config/document.h"

#include <gtest/gtest.h>

#include <limits>
#include <type_traits>

#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;
using Kind = Document::Kind;

static_assert(!std::is_constructible_v<Document, const int*>, "a pointer must not become a boolean");

TEST(Document, TakesTheKindOfItsValue) {
  EXPECT_EQ(Document().kind(), Kind::kNull);
  EXPECT_EQ(Document(true).kind(), Kind::kBool);
  EXPECT_EQ(Document(1).kind(), Kind::kInteger);
  EXPECT_EQ(Document(std::uint8_t{200}).as_integer(), 200);
  EXPECT_EQ(Document(1.0).kind(), Kind::kReal);
  EXPECT_EQ(Document(1.0F).kind(), Kind::kReal);
  EXPECT_EQ(Document("x").kind(), Kind::kString);
  EXPECT_EQ(Document(std::string_view("x")).as_string(), "x");
  EXPECT_EQ(Document::list().kind(), Kind::kList);
  EXPECT_EQ(Document::map().kind(), Kind::kMap);
}

TEST(Document, RefusesUnsignedIntegersBeyondInt64) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(Document(kLargest).as_integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(error_text([] { Document document(kLargest + 1); }),
            "the integer 9223372036854775808 does not fit in 64 bits with sign");
}

TEST(Document, IsBuiltInCode) {
  Document log = Document::map({{"epoch", 3}, {"loss", 0.25}, {"classes", Document::list({"shirt", "bag"})}});
  log.add("best", true);
  log.add("steps", Document::list()).append(7);
  EXPECT_EQ(to_json(log), R"({"epoch": 3, "loss": 0.25, "classes": ["shirt", "bag"], "best": true, "steps": [7]})");
}

TEST(Document, RefusesDuplicateKeys) {
  EXPECT_EQ(error_text([] { Document::map({{"a", 1}, {"b", 2}, {"a", 3}}); }), "duplicate key \"a\"");
  EXPECT_EQ(error_text([] { Document::map({{"a", 1}}).add("a", 2); }), "duplicate key \"a\"");
}

TEST(Document, FindsMembers) {
  const Document map = Document::map({{"epochs", 1}, {"seed", 2}});
  EXPECT_EQ(map.find("seed")->as_integer(), 2);
  EXPECT_EQ(map.find("none"), nullptr);
  EXPECT_EQ(map.at("epochs").as_integer(), 1);
  EXPECT_EQ(error_text([&] { map.at("epoch"); }), "no key \"epoch\"; did you mean \"epochs\"?");
}

TEST(Document, SaysWhatItIsInsteadOfTheKindAskedFor) {
  const Document list = parse_yaml("[ten, \"10\", 1.0, 3, true, {}, ~, []]", "a.yaml");
  const auto item = [&](std::size_t i) -> const Document& { return list.items().at(i); };
  EXPECT_EQ(error_text([&] { item(0).as_integer(); }), "a.yaml:1:2: expected an integer, got the string \"ten\"");
  EXPECT_EQ(error_text([&] { item(1).as_integer(); }), "a.yaml:1:7: expected an integer, got the quoted string \"10\"");
  EXPECT_EQ(error_text([&] { item(2).as_integer(); }), "a.yaml:1:13: expected an integer, got the real 1.0");
  EXPECT_EQ(error_text([&] { item(3).as_string(); }), "a.yaml:1:18: expected a string, got the integer 3");
  EXPECT_EQ(error_text([&] { item(4).as_real(); }), "a.yaml:1:21: expected a number, got true");
  EXPECT_EQ(error_text([&] { item(5).items(); }), "a.yaml:1:27: expected a list, got a map");
  EXPECT_EQ(error_text([&] { item(6).as_bool(); }), "a.yaml:1:31: expected true or false, got null");
  EXPECT_EQ(error_text([&] { item(7).find("x"); }), "a.yaml:1:34: expected a map, got a list");
  EXPECT_EQ(error_text([] { Document(1).append(2); }), "expected a list, got the integer 1");
  EXPECT_EQ(error_text([] { Document(1).add("a", 2); }), "expected a map, got the integer 1");
}

TEST(Document, GivesIntegersAsReals) { EXPECT_EQ(Document(3).as_real(), 3.0); }

TEST(Position, NamesSourceLineAndColumn) {
  const auto source = std::make_shared<const std::string>("a.yaml");
  EXPECT_EQ((Position{source, 3, 7}.to_string()), "a.yaml:3:7");
  EXPECT_EQ(Position{source}.prefix(), "a.yaml: ");
  EXPECT_EQ(Position().prefix(), "");
}

}  // namespace
}  // namespace octet
