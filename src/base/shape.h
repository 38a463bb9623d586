// SPDX-License-Identifier: Apache-2.0
// Logical sizes of a tensor, and pairs of sizes for windows.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <vector>

namespace octet {

/// Sizes per dimension, outermost first. An empty shape is a scalar.
using Shape = std::vector<std::int64_t>;

/// Product of the sizes; 1 for a scalar.
inline std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (std::int64_t size : shape) count *= size;
  return count;
}

/// A height and a width. One number stands for both: `.stride = 2`, `.kernel_size = {3, 5}`.
struct Size2 {
  std::int64_t h = 0, w = 0;

  constexpr Size2() = default;
  constexpr Size2(std::int64_t both) : h(both), w(both) {}  // NOLINT: implicit on purpose
  constexpr Size2(std::int64_t height, std::int64_t width) : h(height), w(width) {}
  friend constexpr bool operator==(const Size2&, const Size2&) = default;
};

/// A Size2 that may be left out; what stands in for it is said where it is an option. Unlike std::optional<Size2> it
/// can be written as a Size2 is: `.stride = 2`, `.stride = {1, 2}`.
class OptionalSize2 : public std::optional<Size2> {
 public:
  using std::optional<Size2>::optional;
  constexpr OptionalSize2(std::int64_t height, std::int64_t width) : std::optional<Size2>(Size2(height, width)) {}
};

/// Prints "3x5".
inline std::ostream& operator<<(std::ostream& out, const Size2& size) { return out << size.h << 'x' << size.w; }

}  // namespace octet
