// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <regex>

namespace octet::detail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

LineChart lines(std::vector<std::pair<double, double>> points, bool percent = false) {
  return {"t", "step", 10.0, percent, {{"float", "float", std::move(points), /*marked=*/true}}};
}

/// What stands in the chart's texts, one after the other.
std::vector<std::string> texts(const std::string& html) {
  std::vector<std::string> out;
  const std::regex text("<text [^>]*>([^<]*)</text>");
  for (auto at = std::sregex_iterator(html.begin(), html.end(), text); at != std::sregex_iterator(); ++at)
    out.push_back((*at)[1]);
  return out;
}

TEST(Chart, EscapesText) {
  EXPECT_EQ(escaped("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  const std::string bars = to_html(BarChart{"<title>", "<x>", "int8", {{"<layer>", -1.0, 2.0, "<note>", "<tooltip>"}}});
  for (const char* const raw : {"<x>", "<layer>", "<note>", "<tooltip>"}) EXPECT_THAT(bars, Not(HasSubstr(raw)));
  EXPECT_THAT(bars, HasSubstr("<figcaption>&lt;title&gt;</figcaption>"));
}

TEST(Chart, DrawsEvenOneValue) {
  for (const double value : {0.0, 0.25, -0.25}) {
    const std::string chart = to_html(lines({{0.0, value}}));
    EXPECT_THAT(chart, HasSubstr("<circle "));
    EXPECT_THAT(chart, Not(HasSubstr("nan")));
    EXPECT_THAT(chart, Not(HasSubstr("inf")));
  }
  EXPECT_THAT(texts(to_html(lines({{0.0, 1.0}}, true))),
              ElementsAre("0 %", "20 %", "40 %", "60 %", "80 %", "100 %", "0", "2", "4", "6", "8", "10", "step"));
}

TEST(Chart, SaysThatThereIsNothing) {
  for (const std::string& chart : {to_html(lines({})), to_html(BarChart{"t", "x", "float", {}})})
    EXPECT_EQ(chart, "<figure>\n<figcaption>t</figcaption>\n<p>Nothing was recorded.</p>\n</figure>\n");
}

TEST(Chart, BeginsAndEndsItsScaleAtTicks) {
  EXPECT_THAT(texts(to_html(lines({{1.0, 0.798}, {2.0, 0.924}}, true))),
              ElementsAre("75 %", "80 %", "85 %", "90 %", "95 %", "0", "2", "4", "6", "8", "10", "step"));
  EXPECT_THAT(texts(to_html(lines({{1.0, 0.1}, {2.0, 0.3}}))),
              ElementsAre("0.1", "0.15", "0.2", "0.25", "0.3", "0", "2", "4", "6", "8", "10", "step"));
  EXPECT_THAT(texts(to_html(BarChart{"t", "value", "int8", {{"fc", -6.5, 14.0, "note", ""}}})),
              ElementsAre("-10", "-5", "0", "5", "10", "15", "value", "fc", "note"));
}

TEST(Chart, LeavesRoomForLongNames) {
  const std::string name(100, 'w');
  const std::string chart = to_html(BarChart{"t", "value", "int8", {{name, 0.0, 1.0, "note", ""}}});
  EXPECT_THAT(chart, HasSubstr("<svg viewBox=\"0 0 941 64\""));
  EXPECT_THAT(chart, HasSubstr("<text x=\"732.0\" y=\"17.0\" text-anchor=\"end\" class=\"code\">www"));
}

TEST(Chart, LeavesOutWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(to_html(lines({{1.0, 1.0}, {2.0, nan}, {3.0, 2.0}})), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace octet::detail
