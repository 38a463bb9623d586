// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/report_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>
#include <vector>

namespace octet {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

DeploymentReport small_report() {
  DeploymentReport report{};
  report.name = "a <name> & more";
  report.model = "resnet8";
  report.threads = 1;
  report.before = {.loss = 0.5, .accuracy = 0.75, .images = 12};
  report.retrained = report.deployed = {.loss = 0.625, .accuracy = 0.5, .images = 12};
  report.logits = 36;
  report.float_cost = {"float_model.onnx", 1'000'000, 1.5, 1000.0, 30'000'000};
  report.int8_cost = {"deploy_model.onnx", 250'000, 0.5, 4000.0, 20'000'000};
  report.ranges = {{"layer2.0.downsample.0", {.clips = {.max = 2.0F, .min = -1.0F}, .grid = {}, .bits = 8}, 1000, 1}};
  report.layers = {{"fc", "linear int8 <->", "loop", 0.002, 1e-6}};
  report.float_curve = {{{10, 2.0}}, {{20, 0.75}}, 20};
  report.retraining_curve = {{{10, 1.0}}, {{20, 0.5}}, 20};
  return report;
}

/// Elements that begin and never end, or end without a beginning, as far as HTML wants them to.
std::vector<std::string> unbalanced(const std::string& page) {
  const std::set<std::string> need_no_end{"meta"};
  const std::regex tag("<(/?)([a-z0-9]+)[^>]*?(/?)>");
  std::vector<std::string> open;
  for (auto at = std::sregex_iterator(page.begin(), page.end(), tag); at != std::sregex_iterator(); ++at) {
    const std::string name = (*at)[2];
    if ((*at)[3].length() > 0 || need_no_end.contains(name)) continue;
    if ((*at)[1].length() == 0)
      open.push_back(name);
    else if (!open.empty() && open.back() == name)
      open.pop_back();
    else
      return {"/" + name};
  }
  return open;
}

TEST(ReportPage, ShowsWhatTheReportSays) {
  const std::string page = report_page(small_report());
  EXPECT_THAT(page, AllOf(HasSubstr("<title>a &lt;name&gt; &amp; more: float against int8</title>"),
                          HasSubstr("<p>resnet8; 1 thread on "),
                          HasSubstr("12 test images: 0 predictions and 0 of 36 logits differ")));
  EXPECT_THAT(page, HasSubstr("<tr><th scope=\"row\">float</th><td>75.00 %</td><td>0.5000</td><td>1.500 ms</td>"
                              "<td>1000/s</td><td>1.00 MB</td><td>30.00 MB</td></tr>"));
  EXPECT_THAT(page, HasSubstr("<td>3.00 ×</td><td>4.00 ×</td><td>4.00 ×</td><td>1.50 ×</td></tr>"));
  EXPECT_THAT(page, AllOf(HasSubstr(">layer2.0.downsample.0</text>"), HasSubstr(">0.1000 % clipped</text>")));
  EXPECT_THAT(page, AllOf(HasSubstr(">2.0 µs, 0.5 GOP/s</text>"), HasSubstr("linear int8 &lt;-&gt; (loop)")));
}

TEST(ReportPage, StandsAlone) {
  const std::string page = report_page(small_report());
  for (const char* const outside : {"http", "//", "src=", "href", "url(", "@import"})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
}

TEST(ReportPage, EndsWhatItBegins) { EXPECT_THAT(unbalanced(report_page(small_report())), IsEmpty()); }

TEST(ReportPage, DoesWithoutWhatNobodyKnows) {
  DeploymentReport report = small_report();
  report.float_curve = {};
  report.float_cost.peak_bytes = report.int8_cost.peak_bytes = 0;
  const std::string page = report_page(report);
  EXPECT_THAT(page, AllOf(HasSubstr("<td>0.25 MB</td><td>–</td></tr>"), HasSubstr("<td>4.00 ×</td><td>–</td></tr>"),
                          HasSubstr("Of retraining; the float network's is not known."),
                          Not(HasSubstr("class=\"key float\""))));
}

}  // namespace
}  // namespace octet
