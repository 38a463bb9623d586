// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace octet::detail {
namespace {

// All pictures are equally wide, so that the page shows their text at one size. A character of a label (monospaced) or
// a note (mostly digits) takes no more than kCharacter at the style sheet's 12 px.
constexpr double kWidth = 640, kCharacter = 7.3;

/// 1, 2 or 5 times a power of ten, so that about `count` of them cover the range.
double tick_step(double low, double high, int count) {
  const double rough = (high - low) / count, power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double digit : {1.0, 2.0, 5.0})
    if (rough <= digit * power) return digit * power;
  return 10.0 * power;
}

/// Values along an axis, and where they lie in the picture.
struct Axis {
  double low, high, step;  // values; from tick to tick
  double begin, end;       // positions
  double operator()(double value) const { return begin + (value - low) / (high - low) * (end - begin); }
};

template <typename Draw>
void for_ticks(const Axis& axis, const Draw& draw) {
  const auto last = static_cast<std::int64_t>(std::floor(axis.high / axis.step + 1e-9));
  for (auto i = static_cast<std::int64_t>(std::ceil(axis.low / axis.step - 1e-9)); i <= last; ++i)
    draw(static_cast<double>(i) * axis.step);
}

/// Covers all that it was shown.
class Range {
 public:
  void show(double value) {
    if (!std::isfinite(value)) return;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  bool empty() const { return low_ > high_; }

  /// From tick to tick; for a single value from 0, for 0 to 1.
  Axis axis(int ticks, double begin, double end) const {
    double low = low_, high = high_;
    if (low == high) (high > 0.0 ? low : high) = 0.0;
    if (low == high) high = 1.0;
    const double step = tick_step(low, high, ticks);
    return {step * std::floor(low / step + 1e-9), step * std::ceil(high / step - 1e-9), step, begin, end};
  }

 private:
  double low_ = std::numeric_limits<double>::infinity(), high_ = -low_;
};

std::string figure(const std::string& caption, const std::string& content) {
  return "<figure>\n<figcaption>" + caption + "</figcaption>\n" + content + "</figure>\n";
}

std::string svg(const std::string& title, double width, double height, const std::string& body) {
  return fmt::format(
      "<div class=\"scroll\"><svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n{}</svg></div>\n",
      width, height, escaped(title), body);
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1, x2, y2,
                     style);
}

std::string label(double x, double y, const char* anchor, std::string_view text, const char* style = "text") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n", x, y, anchor, style,
                     escaped(text));
}

std::string curve(const Series& series, const Axis& x, const Axis& y) {
  std::string points, dots;
  for (const auto& [at, value] : series.points) {
    if (!std::isfinite(value)) continue;
    points += fmt::format("{:.1f},{:.1f} ", x(at), y(value));
    if (series.marked)
      dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" class=\"fill {}\"/>\n", x(at), y(value),
                          series.style);
  }
  return fmt::format("<polyline points=\"{}\" class=\"curve {}\"/>\n{}", points, series.style, dots);
}

std::string legend(const std::vector<Series>& series) {
  std::string out;
  for (const Series& one : series)
    if (!one.points.empty()) out += fmt::format(" <span class=\"key {}\">{}</span>", one.style, escaped(one.name));
  return out;
}

/// A bar between its label and its note; the whole row is there for the mouse.
std::string row(const Bar& bar, const Axis& x, double top, double height, double width, const std::string& style) {
  const double base = top + height / 2 + 4;
  return fmt::format(
             "<g class=\"row\"><title>{}</title><rect x=\"0\" y=\"{:.1f}\" width=\"{:.0f}\" height=\"{:.1f}\" "
             "class=\"back\"/>\n",
             escaped(bar.tooltip), top, width, height) +
         label(x.begin - 8, base, "end", bar.label, "code") +
         fmt::format(
             "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"2\" class=\"fill {}\"/>\n",
             x(bar.begin), top + 3, std::max(x(bar.end) - x(bar.begin), 1.0), height - 6, style) +
         label(x.end + 10, base, "start", bar.note) + "</g>\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

std::string to_html(const LineChart& chart) {
  constexpr double kHeight = 250, kLeft = 56, kRight = kWidth - 12, kTop = 12, kBottom = kHeight - 42;
  const std::string caption = escaped(chart.title) + legend(chart.series);
  Range range;
  for (const Series& one : chart.series)
    for (const auto& point : one.points) range.show(point.second);
  if (range.empty()) return figure(caption, "<p>Nothing was recorded.</p>\n");
  const double x_end = std::max(chart.x_end, 1.0);
  const Axis x{0.0, x_end, tick_step(0.0, x_end, 8), kLeft, kRight}, y = range.axis(5, kBottom, kTop);

  std::string body;
  for_ticks(y, [&](double value) {
    body += line(kLeft, y(value), kRight, y(value), "grid");
    body += label(kLeft - 7, y(value) + 4, "end",
                  chart.percent ? fmt::format("{:.4g} %", 100 * value) : fmt::format("{:.4g}", value));
  });
  for_ticks(x, [&](double value) {
    body += line(x(value), kBottom, x(value), kBottom + 4, "axis");
    body += label(x(value), kBottom + 18, "middle", fmt::format("{:.10g}", value));
  });
  body += line(kLeft, kBottom, kRight, kBottom, "axis");
  body += label((kLeft + kRight) / 2, kHeight - 6, "middle", chart.x_label);
  for (const Series& one : chart.series) body += curve(one, x, y);
  return figure(caption, svg(chart.title, kWidth, kHeight, body));
}

std::string to_html(const BarChart& chart) {
  constexpr double kRow = 18, kTop = 4, kAxis = 42, kSmallestPlot = 160;
  std::size_t longest_label = 0, longest_note = 0;
  Range range;
  for (const Bar& bar : chart.bars) {
    longest_label = std::max(longest_label, bar.label.size());
    longest_note = std::max(longest_note, bar.note.size());
    for (const double value : {0.0, bar.begin, bar.end}) range.show(value);
  }
  if (range.empty()) return figure(escaped(chart.title), "<p>Nothing was recorded.</p>\n");
  const double left = 10 + kCharacter * static_cast<double>(longest_label);
  const double notes = 12 + kCharacter * static_cast<double>(longest_note);
  const double right = std::max(left + kSmallestPlot, kWidth - notes), width = right + notes;
  const double bottom = kTop + kRow * static_cast<double>(chart.bars.size());
  const Axis x = range.axis(5, left, right);

  std::string rows, body;
  for (double top = kTop; const Bar& bar : chart.bars) {
    rows += row(bar, x, top, kRow, width, chart.style);
    top += kRow;
  }
  for_ticks(x, [&](double value) {
    body += line(x(value), kTop, x(value), bottom, value == 0.0 ? "axis" : "grid");
    body += label(x(value), bottom + 16, "middle", fmt::format("{:.4g}", value));
  });
  body += label((left + right) / 2, bottom + kAxis - 6, "middle", chart.x_label);
  return figure(escaped(chart.title), svg(chart.title, width, bottom + kAxis, body + rows));
}

}  // namespace octet::detail
