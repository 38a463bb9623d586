// SPDX-License-Identifier: Apache-2.0
// The report of a golden file fails for what nobody compares.
#include "support/golden_report.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace octet::test {
namespace {

const std::vector<GoldenException> kList = {
    {.file = "a.json",
     .kind = "sign",
     .deviation = "Q1",
     .reason = "signs differ",
     .cases = {"neg*"},
     .concerns = [](const GoldenJson& c) { return c.at("x") < 0; },
     .fields = {"expected.sign"}},
};

const char* const kFile = R"({"description": "d", "cases": [
    {"id": "one", "note": "n", "x": 1, "expected": {"y": [1, 2], "sign": null}},
    {"id": "negative", "x": -1, "expected": {"y": {"shape": [1], "data": [3]}, "sign": 1}},
    {"id": "refused", "x": 0, "z": 5, "error": "ValueError"}]})";

using Check = std::function<void(GoldenReport&, const Golden&)>;

void read_all(GoldenReport& report, const Golden& c) {
  const int x = c.at("x").get<int>();
  if (c.contains("error")) return void(c.at("error").whole());
  c.at("expected").at("y").whole();
  if (x < 0) return report.except("sign");
  EXPECT_TRUE(c.at("expected").at("sign").is_null());
}

void report_on(const Check& check, const std::vector<GoldenException>& list = kList, bool shipped = true) {
  GoldenReport report("a.json", GoldenJson::parse(kFile), list, shipped);
  report.each("cases", [&](const Golden& c) { check(report, c); });
}

TEST(GoldenReport, IsContentWhereAllIsReadOrExcepted) { report_on(read_all); }

TEST(GoldenReport, NamesFileCaseAndFieldThatNobodyHasRead) {
  const Check reads_half = [](GoldenReport& report, const Golden& c) {
    if (c.at("x").get<int>() != 1) return read_all(report, c);
    c.at("expected").at("sign").is_null();
    c.at("expected").at("y").at(0).whole();  // and not the second
  };
  EXPECT_NONFATAL_FAILURE(report_on(reads_half), "a.json: one: nobody has read expected.y");
}

TEST(GoldenReport, TakesLookingAtAFieldForNoReading) {
  const Check looks = [](GoldenReport& report, const Golden& c) {
    if (c.contains("error")) return void(c.contains("x"));
    read_all(report, c);
  };
  EXPECT_NONFATAL_FAILURE(report_on(looks), "a.json: refused: nobody has read error");
}

TEST(GoldenReport, NamesFieldsBesideTheCases) {
  const auto report_beside = [] {
    GoldenReport report("a.json", GoldenJson::parse(R"({"cases": [], "count": 3})"), {}, true);
    report.each("cases", [](const Golden&) {});
  };
  EXPECT_NONFATAL_FAILURE(report_beside(), "a.json: beside the cases: nobody has read count");
}

TEST(GoldenReport, RefusesAnExceptionThatIsNotOnTheList) {
  const Check invents = [](GoldenReport& report, const Golden& c) {
    read_all(report, c);
    if (c.contains("error")) report.except("taste");
  };
  EXPECT_NONFATAL_FAILURE(report_on(invents), "a.json: refused: the exception is not on the list: taste");
}

TEST(GoldenReport, RefusesAnExceptionForACaseOfAnotherKind) {
  std::vector<GoldenException> list = kList;
  list[0].cases.push_back("one");
  const Check misplaces = [](GoldenReport& report, const Golden& c) {
    read_all(report, c);
    if (c.at("x").get<int>() == 1) report.except("sign");
  };
  EXPECT_NONFATAL_FAILURE(report_on(misplaces, list), "a.json: one: not of the cases that the list has under: sign");
}

TEST(GoldenReport, KnowsTheCasesOfItsOwnVectorsByName) {
  std::vector<GoldenException> list = kList;
  list[0].cases = {"other"};
  report_on(read_all, list, /*shipped=*/false);
  list[0].cases = {};
  EXPECT_NONFATAL_FAILURE(report_on(read_all, list), "a.json: negative: not one of the cases");
}

TEST(GoldenReport, NamesAnEntryOfTheListThatNoCaseUses) {
  std::vector<GoldenException> list = kList;
  list[0].cases.push_back("other");
  EXPECT_NONFATAL_FAILURE(report_on(read_all, list), "an exception that does not occur: sign, case other");
}

TEST(GoldenReport, GoesOnAfterACaseThatThrows) {
  int cases = 0;
  const Check throws = [&](GoldenReport& report, const Golden& c) {
    read_all(report, c);
    if (++cases == 1) c.at("missing");
  };
  EXPECT_NONFATAL_FAILURE(report_on(throws), "a.json.cases[0]: no field missing");
  EXPECT_EQ(cases, 3);
}

}  // namespace
}  // namespace octet::test
