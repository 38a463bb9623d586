// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace octet::detail {
namespace {

/// Values along an axis, and where they lie in the picture.
struct Axis {
  double low, high;   // values
  double begin, end;  // positions
  double operator()(double value) const { return begin + (value - low) / (high - low) * (end - begin); }
};

/// Covers all that it was shown; never empty.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void show(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  Axis axis(double begin, double end) const {
    if (low > high) return {0.0, 1.0, begin, end};
    return low == high ? Axis{low - 0.5, high + 0.5, begin, end} : Axis{low, high, begin, end};
  }
};

/// 1, 2 or 5 times a power of ten, so that about `count` of them cover the axis.
double tick_step(const Axis& axis, int count) {
  const double rough = (axis.high - axis.low) / count, power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double digit : {1.0, 2.0, 5.0})
    if (rough <= digit * power) return digit * power;
  return 10.0 * power;
}

template <typename Draw>
void for_ticks(const Axis& axis, int count, const Draw& draw) {
  const double step = tick_step(axis, count);
  for (double i = std::ceil(axis.low / step); i * step <= axis.high * (1.0 + 1e-9) && i <= axis.high / step + 1e-6; ++i)
    draw(i * step);
}

std::string svg(const std::string& title, double width, double height, const std::string& body) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n", width, height,
                     escaped(title), body);
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1, x2, y2,
                     style);
}

std::string label(double x, double y, const char* anchor, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, escaped(text));
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

std::string legend(const std::vector<Series>& series, double x, double y) {
  std::string out;
  for (const Series& one : series) {
    if (one.points.empty()) continue;
    out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"3\" class=\"fill {}\"/>\n", x, y - 5.0,
                       one.style);
    out += label(x + 17.0, y, "start", one.name);
    x += 30.0 + 7.0 * static_cast<double>(one.name.size());
  }
  return out;
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

std::string line_chart(const std::string& title, const std::string& x_label, const std::vector<Series>& series,
                       bool percent) {
  constexpr double kWidth = 640, kHeight = 260, kLeft = 56, kRight = 12, kTop = 28, kBottom = 38;
  Range x_range, y_range;
  for (const Series& one : series)
    for (const auto& [x, y] : one.points) {
      x_range.show(x);
      y_range.show(y);
    }
  x_range.show(0.0);
  const Axis x = x_range.axis(kLeft, kWidth - kRight), y = y_range.axis(kHeight - kBottom, kTop);
  std::string body;
  for_ticks(y, 5, [&](double value) {
    body += line(kLeft, y(value), kWidth - kRight, y(value), "grid");
    body += label(kLeft - 7, y(value) + 4, "end",
                  percent ? fmt::format("{:.4g} %", 100 * value) : fmt::format("{:.4g}", value));
  });
  for_ticks(x, 8, [&](double value) {
    body += label(x(value), kHeight - kBottom + 17, "middle", fmt::format("{:g}", value));
  });
  body += line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "axis");
  body += label((kLeft + kWidth - kRight) / 2, kHeight - 5, "middle", x_label);
  for (const Series& one : series) body += curve(one, x, y);
  body += legend(series, kLeft, 16);
  return svg(title, kWidth, kHeight, body);
}

std::string bar_chart(const std::string& title, const std::vector<Bar>& bars, const std::string& style) {
  constexpr double kRow = 18, kTop = 8, kBottom = 24, kPlot = 330, kNote = 190, kCharacter = 6.6;
  std::size_t longest = 1;
  Range range;
  range.show(0.0);
  for (const Bar& bar : bars) {
    longest = std::max(longest, bar.label.size());
    range.show(bar.begin);
    range.show(bar.end);
  }
  const double left = 16 + kCharacter * static_cast<double>(longest), width = left + kPlot + kNote;
  const double height = kTop + kRow * static_cast<double>(bars.size()) + kBottom;
  const Axis x = range.axis(left, left + kPlot);
  std::string body;
  for_ticks(x, 5, [&](double value) {
    body += line(x(value), kTop, x(value), height - kBottom, value == 0.0 ? "axis" : "grid");
    body += label(x(value), height - 7, "middle", fmt::format("{:.3g}", value));
  });
  double top = kTop;
  for (const Bar& bar : bars) {
    body += label(left - 8, top + 13, "end", bar.label);
    body += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"2\" class=\"fill "
        "{}\"><title>{}</title>"
        "</rect>\n",
        x(bar.begin), top + 3, std::max(x(bar.end) - x(bar.begin), 1.0), kRow - 6, style, escaped(bar.tooltip));
    body += label(left + kPlot + 10, top + 13, "start", bar.note);
    top += kRow;
  }
  return svg(title, width, height, body);
}

}  // namespace octet::detail
