// SPDX-License-Identifier: Apache-2.0
// Optimal string alignment distance (Damerau-Levenshtein without edits inside a swapped pair), case folded for ASCII.
#include "octet/base/nearest.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "octet/base/utf8.h"

namespace octet {
namespace {

char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t edits_between(std::string_view a, std::string_view b) {
  // Rows of the table of distances between the prefixes of a and b: two back, one back, current.
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const char x = folded(a[i - 1]), y = folded(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y)});
      const bool swapped = i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string> valid) {
  const std::string* best = nullptr;
  std::size_t best_edits = 0;
  for (const std::string& candidate : valid) {
    const std::size_t limit = std::max<std::size_t>(1, candidate.size() / 3);
    const std::size_t length_difference =
        std::max(name.size(), candidate.size()) - std::min(name.size(), candidate.size());
    if (length_difference > limit) continue;  // before the table is allocated: names come from files
    const std::size_t edits = edits_between(name, candidate);
    if (edits <= limit && (best == nullptr || edits < best_edits)) {
      best = &candidate;
      best_edits = edits;
    }
  }
  return best ? *best : std::string();
}

std::string did_you_mean(std::string_view name, std::span<const std::string> valid) {
  const std::string nearest = nearest_name(name, valid);
  return nearest.empty() ? "" : "; did you mean " + in_quotes(nearest) + '?';
}

}  // namespace octet
