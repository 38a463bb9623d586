// SPDX-License-Identifier: Apache-2.0
// Pictures of numbers: an HTML figure with a caption and inline SVG. Colours come from the page's style sheet, by
// class. Private to the room.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace octet::detail {

/// The text as HTML shows it.
std::string escaped(std::string_view text);

struct Series {
  std::string name;
  std::string style;  ///< class of its line
  std::vector<std::pair<double, double>> points;
  bool marked = false;  ///< with a dot at each point
};

/// Lines over a common x axis, which begins at 0.
struct LineChart {
  std::string title, x_label;
  double x_end;
  bool percent = false;  ///< y are shares
  std::vector<Series> series;
};
std::string to_html(const LineChart& chart);

struct Bar {
  std::string label;
  double begin, end;
  std::string note;     ///< behind the bar
  std::string tooltip;  ///< when the mouse is on its row
};

/// A row for each bar over a common scale, on which 0 is marked.
struct BarChart {
  std::string title, x_label;
  std::string style;  ///< class of the bars
  std::vector<Bar> bars;
};
std::string to_html(const BarChart& chart);

}  // namespace octet::detail
