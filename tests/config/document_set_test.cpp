// SPDX-License-Identifier: Apache-2.0
// Document::set.
#include <gtest/gtest.h>

#include "octet/config/document.h"
#include "octet/config/fields.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

Document experiment() {
  return parse_yaml("training:\n  lr: 0.5\n  epochs: 3\nname: x\nempty:\nlist: [1]\n", "exp.yaml");
}

TEST(DocumentSet, ReplacesAValueInItsPlace) {
  Document document = experiment();
  document.set("training.lr", "0.1");
  EXPECT_EQ(to_json(document.at("training")), R"({"lr": 0.1, "epochs": 3})");
  EXPECT_EQ(document.at("training").at("lr").position().to_string(), "--set training.lr");
  EXPECT_EQ(document.at("training").position().to_string(), "exp.yaml:2:3");
}

TEST(DocumentSet, ReadsTheValueAsYaml) {
  Document document;
  document.set("a", "12");
  document.set("b", "text with blanks");
  document.set("c", "[0.5, 1]");
  document.set("d", "'12'");
  document.set("e", "off");
  document.set("f", "");
  EXPECT_EQ(to_json(document),
            R"({"a": 12, "b": "text with blanks", "c": [0.5, 1], "d": "12", "e": "off", "f": null})");
  EXPECT_EQ(document.at("c").items()[1].position().to_string(), "--set c");
  EXPECT_TRUE(document.at("d").is_quoted());
}

TEST(DocumentSet, MakesMissingMapsOnTheWay) {
  Document document = experiment();
  document.set("data.train.batch", "64");
  document.set("empty.now", "full");
  EXPECT_EQ(to_json(document.at("data")), R"({"train": {"batch": 64}})");
  EXPECT_EQ(document.at("data").position().to_string(), "--set data.train.batch");
  EXPECT_EQ(to_json(document.at("empty")), R"({"now": "full"})");
}

TEST(DocumentSet, ReachesTheItemsOfLists) {
  Document document = parse_yaml("steps:\n  - {name: crop, size: [3, 4]}\n  - {name: flip}\n", "exp.yaml");
  document.set("steps[0].size[1]", "8");
  document.set("steps[1].p", "0.5");
  EXPECT_EQ(to_json(document), R"({"steps": [{"name": "crop", "size": [3, 8]}, {"name": "flip", "p": 0.5}]})");
  document.set("steps[0]", "{name: resize}");
  EXPECT_EQ(to_json(document.at("steps").items()[0]), R"({"name": "resize"})");
}

TEST(DocumentSet, RefusesItemsThatThereAreNot) {
  Document document = experiment();
  const auto error = [&](const std::string& path) { return error_text([&] { document.set(path, "1"); }); };
  EXPECT_EQ(error("list[1]"), "--set list[1]: there is no list[1]: the list has 1 item");
  EXPECT_EQ(error("list[18446744073709551615].a"),
            "--set list[18446744073709551615].a: there is no list[18446744073709551615]: the list has 1 item");
  EXPECT_EQ(error("name[0]"), "--set name[0]: name is the string \"x\", not a list");
  EXPECT_EQ(error("none[0].a"), "--set none[0].a: none is null, not a list");
  for (const char* path :
       {"list[", "list[]", "list[-1]", "list[x]", "list[0", "list[0]x", "list[99999999999999999999]"})
    EXPECT_EQ(error(path), "--set " + std::string(path) + ": \"" + path +
                               "\" is not a name with the numbers of items behind it, as list[0]");
  EXPECT_EQ(to_json(document), to_json(experiment())) << "nothing was made on the way";
}

TEST(DocumentSet, RefusesPathsThroughOtherValues) {
  Document document = experiment();
  EXPECT_EQ(error_text([&] { document.set("name.first", "1"); }),
            "--set name.first: name is the string \"x\", not a map");
  EXPECT_EQ(error_text([&] { document.set("training.lr.start", "1"); }),
            "--set training.lr.start: training.lr is the real 0.5, not a map");
  EXPECT_EQ(error_text([&] { document.set("list.0", "1"); }),
            "--set list.0: list is a list, not a map; its items are list[0] and so on");
  Document list = Document::list();
  EXPECT_EQ(error_text([&] { list.set("a", "1"); }), "--set a: the top is a list, not a map");
}

TEST(DocumentSet, RefusesEmptyNamesAndEndlessPaths) {
  for (const char* path : {"", ".", "a.", ".a", "a..b"}) {
    Document document;
    EXPECT_EQ(error_text([&] { document.set(path, "1"); }),
              "--set " + std::string(path) + ": a name in the path is empty");
  }
  std::string path = "a";
  for (int i = 0; i < 64; ++i) path += ".a";
  Document document;
  EXPECT_EQ(error_text([&] { document.set(path, "1"); }), "--set " + path + ": the path has more than 64 names");
}

TEST(DocumentSet, LeavesTheDocumentAloneWhenItFails) {
  Document document = experiment();
  EXPECT_EQ(error_text([&] { document.set("new.", "1"); }), "--set new.: a name in the path is empty");
  EXPECT_EQ(error_text([&] { document.set("training.lr", "[1"); }),
            "--set training.lr:1:1: a key has to be a scalar; is a bracket not closed?");
  EXPECT_EQ(to_json(document), to_json(experiment()));
}

TEST(DocumentSet, IsNamedWhenTheSettingIsWrong) {
  Document document = experiment();
  document.set("training.epochs", "ten");
  document.set("training.momentun", "0.9");
  Fields training = Fields(document).fields("training");
  EXPECT_EQ(error_text([&] { training.get_int("epochs", {}); }),
            "--set training.epochs: training.epochs: expected an integer, got the string \"ten\"");
  training.get_real("lr", {});
  training.get_real("momentum", {}, 0.9);
  EXPECT_EQ(error_text([&] { training.finish(); }),
            "--set training.momentun: unknown key \"momentun\" in training; did you mean \"momentum\"?");
}

}  // namespace
}  // namespace octet
