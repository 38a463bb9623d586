// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/pool_windows.h"

#include <algorithm>

#include "octet/base/error.h"
#include "octet/graph/attributes.h"

namespace octet::deploy {
namespace {

constexpr std::int64_t kMostWindows = 1 << 20;  // of an average; there is a record of each

// Its first tap that is not before the image decides.
bool sees_nothing(std::int64_t start, std::int64_t kernel, std::int64_t dilation, std::int64_t size) {
  const std::int64_t tap = start < 0 ? (-start + dilation - 1) / dilation : 0;
  return tap >= kernel || start + tap * dilation >= size;
}

// On one axis. A window that begins within the image sees its first pixel, so few need a look.
void require_windows_see(std::int64_t count, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                         std::int64_t dilation, std::int64_t size) {
  const auto require_sees = [&](std::int64_t o) {
    require(!sees_nothing(o * stride - padding, kernel, dilation, size), "a window sees padding only");
  };
  for (std::int64_t o = 0; o < count && o * stride < padding; ++o) require_sees(o);
  if (count > 0) require_sees(count - 1);
}

}  // namespace

std::vector<kernels::Window> pool_windows(const Node& node, std::int64_t size, std::int64_t count,
                                          std::int64_t Size2::*axis) {
  require(count <= kMostWindows, "averages in ", count, " rows or columns are not supported (", kMostWindows, " are)");
  std::vector<kernels::Window> all;
  if (node.op == "adaptive_avg_pool2d") {
    for (std::int64_t o = 0; o < count; ++o) {
      const std::int64_t begin = o * size / count, end = ((o + 1) * size + count - 1) / count;
      all.push_back({begin, end, end - begin});
    }
    return all;
  }
  const std::int64_t kernel = size_attribute(node, "kernel_size", 1).*axis;
  const std::int64_t stride = size_attribute(node, "stride", 1).*axis;
  const Size2 padding = size_attribute(node, "padding", 0);
  const std::int64_t end_padding = size_attribute(node, "end_padding", padding).*axis;
  const bool count_padding = attribute(node, "count_include_pad", true);
  for (std::int64_t o = 0; o < count; ++o) {
    const std::int64_t start = o * stride - padding.*axis;
    const std::int64_t padded_end = std::min(start + kernel, size + end_padding);
    const std::int64_t begin = std::max<std::int64_t>(start, 0), end = std::min(padded_end, size);
    require(begin < end, "a window sees padding only");
    all.push_back({begin, end, count_padding ? padded_end - start : end - begin});
  }
  return all;
}

void require_windows_see(const kernels::MaxPoolShape& s) {
  require_windows_see(s.oh, s.kernel.h, s.stride.h, s.padding.h, s.dilation.h, s.h);
  require_windows_see(s.ow, s.kernel.w, s.stride.w, s.padding.w, s.dilation.w, s.w);
}

}  // namespace octet::deploy
