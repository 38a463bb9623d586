// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace octet::detail {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Chart, EscapesText) {
  EXPECT_EQ(escaped("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  const std::string bars = bar_chart("<title>", {{"<layer>", -1.0, 2.0, "<note>", "<tooltip>"}}, "int8");
  for (const char* const raw : {"<layer>", "<note>", "<tooltip>"}) EXPECT_THAT(bars, Not(HasSubstr(raw)));
}

TEST(Chart, DrawsEvenOneValueAndNone) {
  const std::string none = line_chart("t", "step", {{"float", "float", {}}}, false);
  const std::string one = line_chart("t", "step", {{"float", "float", {{0.0, 1.0}}, true}}, true);
  for (const std::string& chart : {none, one, bar_chart("t", {}, "float")}) {
    EXPECT_THAT(chart, HasSubstr("</svg>"));
    EXPECT_THAT(chart, Not(HasSubstr("nan")));
    EXPECT_THAT(chart, Not(HasSubstr("inf")));
  }
  EXPECT_THAT(one, HasSubstr("<circle "));
}

TEST(Chart, LeavesOutWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(line_chart("t", "step", {{"float", "float", {{1.0, 1.0}, {2.0, nan}, {3.0, 2.0}}}}, false),
              Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace octet::detail
