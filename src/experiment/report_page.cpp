// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report_page.h"

#include <fmt/format.h>

#include "octet/experiment/chart.h"
#include "octet/experiment/system_info.h"

namespace octet {
namespace {

using detail::escaped;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --back: #fff; --text: #1d2129; --soft: #6b7280; --rule: #e2e5ea;
        --float: #3b6fb6; --int8: #d97706; }
@media (prefers-color-scheme: dark) {
  :root { --back: #15181d; --text: #e4e7ec; --soft: #9aa3b0; --rule: #2c323b; --float: #7ab0f5; --int8: #f2a541; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; margin: 2.5rem auto;
       max-width: 760px; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2.4rem 0 .5rem; }
p { color: var(--soft); margin: .2rem 0 .8rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .5rem; text-align: right; border-bottom: 1px solid var(--rule); }
th { font-weight: 500; color: var(--soft); } th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
.curve { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.curve.float { stroke: var(--float); } .curve.int8 { stroke: var(--int8); }
.fill.float { fill: var(--float); } .fill.int8 { fill: var(--int8); }
)";

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }
std::string megabytes(double bytes) { return bytes > 0 ? fmt::format("{:.2f} MB", bytes / 1e6) : ""; }

std::string row(const char* name, const Evaluation& evaluation, const DeployedCost* cost) {
  std::string out =
      fmt::format("<tr><td>{}</td><td>{}</td><td>{:.4f}</td>", name, percent(evaluation.accuracy), evaluation.loss);
  if (cost)
    out += fmt::format("<td>{:.3f} ms</td><td>{:.0f}/s</td><td>{}</td><td>{}</td>", cost->milliseconds,
                       cost->images_per_second, megabytes(static_cast<double>(cost->file_bytes)),
                       megabytes(static_cast<double>(cost->peak_bytes)));
  else
    out += "<td></td><td></td><td></td><td></td>";
  return out + "</tr>\n";
}

std::string summary(const DeploymentReport& report) {
  std::string out =
      "<table>\n<tr><th>network</th><th>test accuracy</th><th>loss</th><th>one image</th><th>images, batch 32</th>"
      "<th>file</th><th>peak memory</th></tr>\n";
  out += row("float", report.before, &report.float_cost);
  out += row("8 bits, retrained", report.retrained, nullptr);
  out += row("int8, deployed", report.deployed, &report.int8_cost);
  return out +
         fmt::format(
             "</table>\n<p>{} test images: {} predictions and {} of {} logits differ, in any bit, between the "
             "retrained network and the deployed file. Int8 is {:.1f} times as fast as float on one image, {:.1f} "
             "times in batches.</p>\n",
             report.deployed.images, report.differing_predictions, report.differing_logits, report.logits,
             report.float_cost.milliseconds / report.int8_cost.milliseconds,
             report.int8_cost.images_per_second / report.float_cost.images_per_second);
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
  return "<h2>Training</h2>\n<p>Loss of single steps, then test accuracy after each epoch.</p>\n" +
         detail::line_chart("training loss", "step",
                            {series("float", "float", report.float_curve.loss, 0, false),
                             series("8 bits", "int8", report.retraining_curve.loss, before, false)},
                            /*percent=*/false) +
         detail::line_chart("test accuracy", "step",
                            {series("float", "float", report.float_curve.test_accuracy, 0, true),
                             series("8 bits", "int8", report.retraining_curve.test_accuracy, before, true)},
                            /*percent=*/true);
}

std::string ranges(const DeploymentReport& report) {
  std::vector<detail::Bar> bars;
  for (const ActivationRange& range : report.ranges) {
    const Clips& clips = range.grid.clips;
    bars.push_back({range.layer, static_cast<double>(clips.min), static_cast<double>(clips.max),
                    fmt::format("{:.4f} % clipped", 100 * range.clipped_share()),
                    fmt::format("{:.4f} to {:.4f}, scale {:.3e}, offset {}", clips.min, clips.max,
                                range.grid.grid.scale, range.grid.grid.offset)});
  }
  return "<h2>Ranges</h2>\n<p>What the 8 bits of each layer's input reach from and to, and the share of the test "
         "images' values that lay beyond.</p>\n" +
         detail::bar_chart("ranges of the layers' inputs", bars, "int8");
}

std::string timings(const DeploymentReport& report) {
  std::vector<detail::Bar> bars;
  for (const deploy::LayerTime& layer : report.layers) {
    const double microseconds = 1e3 * layer.milliseconds;
    std::string note = fmt::format("{:.1f} \u00b5s", microseconds);
    if (layer.giga_operations > 0.0 && layer.milliseconds > 0.0)
      note += fmt::format(", {:.0f} GOP/s", 1e3 * layer.giga_operations / layer.milliseconds);
    bars.push_back(
        {layer.name, 0.0, microseconds, std::move(note), layer.operation + " (" + layer.implementation + ")"});
  }
  return "<h2>Time</h2>\n<p>Steps of the deployed network for one image, in microseconds; the mouse shows what each "
         "computes, and with what.</p>\n" +
         detail::bar_chart("time of the deployed network's steps", bars, "float");
}

}  // namespace

std::string report_page(const DeploymentReport& report) {
  const SystemInfo system = system_info();
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>{0}</title>\n<style>{1}</style>\n"
      "</head>\n<body>\n<h1>{0}</h1>\n<p>{2}, int8 against float, {3} threads on {4} ({5}), oneDNN {6}, Octet "
      "{7}</p>\n",
      escaped(report.name), kStyle, escaped(report.model), report.threads, escaped(system.cpu), escaped(system.isa),
      escaped(system.onednn_version), escaped(system.octet_version));
  return page + summary(report) + curves(report) + ranges(report) + timings(report) + "</body>\n</html>\n";
}

}  // namespace octet
