// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/report_page.h"

#include <fmt/format.h>

#include "octet/base/counted.h"
#include "octet/base/file_format.h"
#include "octet/experiment/report/chart.h"
#include "octet/experiment/run/system_info.h"

namespace octet {
namespace {

using detail::escaped;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --back: #fff; --text: #1d2129; --soft: #5f6673; --rule: #e2e5ea;
        --float: #3b6fb6; --int8: #d97706; }
@media (prefers-color-scheme: dark) {
  :root { --back: #15181d; --text: #e4e7ec; --soft: #9aa3b0; --rule: #2c323b; --float: #7ab0f5; --int8: #f2a541; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; margin: 2.5rem auto;
       max-width: 760px; padding: 0 1.2rem; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2.4rem 0 .5rem; }
p { color: var(--soft); margin: .2rem 0 .8rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .5rem; text-align: right; vertical-align: bottom; border-bottom: 1px solid var(--rule); }
th { font-weight: 500; color: var(--soft); } th:first-child { text-align: left; padding-left: 0; }
td, th[scope=row] { color: var(--text); white-space: nowrap; }
.scroll { overflow-x: auto; margin: .8rem 0; }
figure { margin: 1rem 0; } figcaption { font-weight: 500; }
.key { color: var(--soft); font-weight: 400; margin-left: 1rem; white-space: nowrap; }
.key::before { content: ""; display: inline-block; vertical-align: middle; width: .9rem; margin-right: .4rem;
               border-top: 3px solid; }
.key.float::before { border-color: var(--float); } .key.int8::before { border-color: var(--int8); }
svg { display: block; width: 100%; min-width: 560px; height: auto; }
text { fill: var(--soft); font: 12px system-ui, sans-serif; } text.code { font-family: ui-monospace, monospace; }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
.back { fill: transparent; } .row:hover .back { fill: var(--rule); fill-opacity: .6; }
.curve { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.curve.float { stroke: var(--float); } .curve.int8 { stroke: var(--int8); }
.fill.float { fill: var(--float); } .fill.int8 { fill: var(--int8); }
@media print { body { margin: 0 auto; } svg { min-width: 0; } h2, h2 + p, figcaption { break-after: avoid; }
               figure, tr { break-inside: avoid; } }
)";

constexpr const char* kNone = "\u2013";

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }
std::string megabytes(double bytes) { return bytes > 0 ? fmt::format("{:.2f} MB", bytes / 1e6) : kNone; }
std::string ratio(double a, double b) { return b > 0 ? fmt::format("{:.2f} \u00d7", a / b) : kNone; }

std::string row(const char* name, const std::vector<std::string>& cells) {
  std::string out = fmt::format("<tr><th scope=\"row\">{}</th>", name);
  for (const std::string& cell : cells) out += "<td>" + cell + "</td>";
  return out + "</tr>\n";
}

std::string row(const char* name, const Evaluation& evaluation, const DeployedCost& cost) {
  return row(name, {percent(evaluation.accuracy), fmt::format("{:.4f}", evaluation.loss),
                    fmt::format("{:.3f} ms", cost.milliseconds), fmt::format("{:.0f}/s", cost.images_per_second),
                    megabytes(static_cast<double>(cost.file_bytes)), megabytes(static_cast<double>(cost.peak_bytes))});
}

std::string summary(const DeploymentReport& report) {
  const DeployedCost &a = report.float_cost, &b = report.int8_cost;
  std::string out =
      "<div class=\"scroll\"><table>\n<tr><th scope=\"col\">network</th><th scope=\"col\">test accuracy</th>"
      "<th scope=\"col\">loss</th><th scope=\"col\">one image</th><th scope=\"col\">images, batch 32</th>"
      "<th scope=\"col\">file</th><th scope=\"col\">peak memory</th></tr>\n";
  out += row("float", report.before, a);
  out += row("8 bits, retrained", {percent(report.retrained.accuracy), fmt::format("{:.4f}", report.retrained.loss),
                                   kNone, kNone, kNone, kNone});
  out += row("int8, deployed", report.deployed, b);
  out += row("gain of int8",
             {kNone, kNone, ratio(a.milliseconds, b.milliseconds), ratio(b.images_per_second, a.images_per_second),
              ratio(static_cast<double>(a.file_bytes), static_cast<double>(b.file_bytes)),
              ratio(static_cast<double>(a.peak_bytes), static_cast<double>(b.peak_bytes))});
  return out +
         fmt::format(
             "</table></div>\n<p>{}: {} predictions and {} of {} logits differ, in any bit, between the "
             "retrained network and the deployed file.</p>\n<p>Speeds are medians, both networks in turn; the memory "
             "is that of a process that only runs batches of 32.</p>\n",
             counted(report.deployed.images, "test image"), report.differing_predictions, report.differing_logits,
             report.logits);
}

/// The points as a series that begins where the run before ended.
detail::Series series(const char* name, const char* style, const std::vector<TrainingCurve::Point>& points,
                      std::int64_t first_step, bool marked) {
  detail::Series out{name, style, {}, marked};
  for (const TrainingCurve::Point& point : points)
    out.points.emplace_back(static_cast<double>(first_step + point.step), point.value);
  return out;
}

std::string curves(const DeploymentReport& report) {
  const std::int64_t before = report.float_curve.steps;
  const auto end = static_cast<double>(before + report.retraining_curve.steps);
  const auto chart = [&](const char* title, auto points, bool accuracy) {
    detail::LineChart out{.title = title, .x_label = "step", .x_end = end, .percent = accuracy, .series = {}};
    out.series.push_back(series("float", "float", report.float_curve.*points, 0, /*marked=*/accuracy));
    out.series.push_back(series("8 bits", "int8", report.retraining_curve.*points, before, /*marked=*/accuracy));
    return detail::to_html(out);
  };
  return fmt::format("<h2>Training</h2>\n<p>{}</p>\n", before > 0
                                                           ? "Retraining in 8 bits begins where the float run ended."
                                                           : "Of retraining; the float network's is not known.") +
         chart("Loss of single training steps", &TrainingCurve::loss, false) +
         chart("Test accuracy after each epoch", &TrainingCurve::test_accuracy, true);
}

std::string ranges(const DeploymentReport& report) {
  detail::BarChart chart{.title = "Ranges of the layers' inputs", .x_label = "value", .style = "int8", .bars = {}};
  for (const ActivationRange& range : report.ranges) {
    const Clips& clips = range.grid.clips;
    chart.bars.push_back({range.layer, static_cast<double>(clips.min), static_cast<double>(clips.max),
                          fmt::format("{:.4f} % clipped", 100 * range.clipped_share()),
                          fmt::format("{:.4f} to {:.4f}, scale {:.3e}, offset {}", clips.min, clips.max,
                                      range.grid.grid.scale, range.grid.grid.offset)});
  }
  return "<h2>Ranges</h2>\n<p>What the 8 bits of each layer's input reach from and to, and the share of the test "
         "images' values that lay beyond; the mouse shows scale and offset.</p>\n" +
         detail::to_html(chart);
}

std::string timings(const DeploymentReport& report) {
  detail::BarChart chart{.title = "Time of each step", .x_label = "microseconds", .style = "int8", .bars = {}};
  double sum = 0.0;
  for (const deploy::LayerTime& layer : report.layers) {
    const double microseconds = 1e3 * layer.milliseconds;
    sum += microseconds;
    std::string note = fmt::format("{:.1f} \u00b5s", microseconds);
    if (layer.giga_operations > 0.0 && layer.milliseconds > 0.0)
      note += fmt::format(", {:.1f} GOP/s", 1e3 * layer.giga_operations / layer.milliseconds);
    chart.bars.push_back(
        {layer.name, 0.0, microseconds, std::move(note), layer.operation + " (" + layer.implementation + ")"});
  }
  return fmt::format(
             "<h2>Time</h2>\n<p>Steps of the deployed network for one image, each timed by itself, {:.0f} \u00b5s "
             "together; the mouse shows what each computes, and with what.</p>\n",
             sum) +
         detail::to_html(chart);
}

}  // namespace

std::string report_page(const DeploymentReport& report) {
  const SystemInfo system = system_info();
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"generator\" content=\"{8}\">\n"
      "<title>{0}: float against int8</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}: float against int8</h1>\n"
      "<p>{2}; {3} on {4} ({5}), oneDNN {6}, Octet {7}</p>\n",
      escaped(report.name), kStyle, escaped(report.model), counted(report.threads, "thread"), escaped(system.cpu),
      escaped(system.isa), escaped(system.onednn_version), escaped(system.octet_version), to_text(kReportFormat));
  return page + summary(report) + curves(report) + ranges(report) + timings(report) + "</body>\n</html>\n";
}

}  // namespace octet
