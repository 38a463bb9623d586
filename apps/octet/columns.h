// SPDX-License-Identifier: Apache-2.0
// Text in columns: what fits into a window, or into the 80 columns that every table keeps to.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

inline constexpr std::size_t kTableColumns = 80;
inline constexpr std::size_t kEpochColumns = 9;  ///< of the first column of a run's table

/// Columns of the window that standard output is: what the terminal says and COLUMNS allows; 80 if nobody knows.
std::size_t window_columns();

/// Columns that a text (UTF-8) takes up in a terminal.
std::size_t display_width(std::string_view text);

/// The text if it fits into `columns`, else its beginning and its end with "..." between them.
std::string shortened(std::string_view text, std::size_t columns);

/// The beginning of a text that fits into `columns`.
std::string cut(std::string_view text, std::size_t columns);

/// `value` with so many decimals, with fewer if it does not fit into `columns` so, or in the form 1.2e+09.
std::string number(double value, std::size_t columns, int decimals);

/// "0.31 MB", "1.20 GB".
std::string megabytes(double bytes);

/// The epoch, a bar as long as there is room, the share and the text, on one line of a window: never wider than that.
std::string progress_line(const std::string& epoch, double share, const std::string& text, std::size_t columns);
