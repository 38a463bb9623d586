// SPDX-License-Identifier: Apache-2.0
// Pictures of numbers as inline SVG. Colours come from the page's style sheet, by class. Private to the room.
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

/// Lines over a common x axis. `percent`: y are shares.
std::string line_chart(const std::string& title, const std::string& x_label, const std::vector<Series>& series,
                       bool percent);

struct Bar {
  std::string label;
  double begin, end;
  std::string note;     ///< behind the bar
  std::string tooltip;  ///< when the mouse is on it
};

/// A row for each bar over a common scale, on which 0 is marked.
std::string bar_chart(const std::string& title, const std::vector<Bar>& bars, const std::string& style);

}  // namespace octet::detail
