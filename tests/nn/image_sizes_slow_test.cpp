// SPDX-License-Identifier: Apache-2.0
// A process that sees images of ever new sizes keeps a bounded amount of what it made for them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/kernels/core/memory.h"
#include "octet/nn/layers.h"
#include "octet/nn/optim.h"
#include "octet/nn/sequential.h"

namespace octet {
namespace {

std::int64_t resident_bytes() {
  std::int64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(ImageSizes, TwoThousandTakeABoundedAmountOfMemory) {
  Rng rng(1);
  Sequential net;
  net.append<Conv2d>({.in_channels = 3, .out_channels = 16, .kernel_size = 3, .padding = 1}, rng)
      .append<BatchNorm2d>({.features = 16})
      .append<ReLU>()
      .append<Conv2d>({.in_channels = 16, .out_channels = 16, .kernel_size = 3, .padding = 1}, rng)
      .append<AdaptiveAvgPool2d>({.output_size = 1})
      .append<Flatten>()
      .append<Linear>({.in_features = 16, .out_features = 4}, rng);
  SGD sgd(net, {.lr = 0.01});
  const std::vector<std::int64_t> labels = {1};
  std::int64_t after_a_quarter = 0, largest_cache = 0;
  for (std::int64_t i = 0; i < 2000; ++i) {
    const std::int64_t h = 16 + i * 7 % 50, w = 16 + i / 50 + i * 7 % 13;
    sgd.zero_grad();
    cross_entropy(net(Tensor::full({1, 3, h, w}, 0.5F)), labels).backward();
    sgd.step();
    largest_cache = std::max(largest_cache, kernels::memory_statistics().cached_bytes);
    if (i == 500) after_a_quarter = resident_bytes();
  }
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  EXPECT_LE(largest_cache, 16 * kMiB);
  RecordProperty("MiB_after_a_quarter", static_cast<int>(after_a_quarter / kMiB));
  RecordProperty("MiB_at_the_end", static_cast<int>(resident_bytes() / kMiB));
  EXPECT_LE(resident_bytes() - after_a_quarter, 100 * kMiB);
}

}  // namespace
}  // namespace octet
