// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/ifmr.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "octet/base/rng.h"
#include "octet/kernels/core/parallel.h"
#include "support/error_text.h"

namespace octet {
namespace {

std::vector<float> normal_values(std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& v : values) v = rng.normal();
  return values;
}

TEST(Ifmr, ClipsAreTheEndsOfItsGrid) {
  Ifmr ifmr(8);
  ifmr.add(normal_values(500, 1));
  const IfmrResult found = ifmr.search();
  EXPECT_EQ(found.clips.max, 127.0F * found.scale);
  EXPECT_EQ(found.clips.min, -128.0F * found.scale);
}

TEST(Ifmr, BatchesCountAsOne) {
  const std::vector<float> values = normal_values(999, 2);
  Ifmr whole(8), parts(8);
  whole.add(values);
  for (std::size_t i = 0; i < values.size(); i += 333) parts.add(std::span(values).subspan(i, 333));
  EXPECT_EQ(whole.search().scale, parts.search().scale);
}

TEST(Ifmr, ConstantInputGetsAGrid) {
  for (const float value : {0.0F, 1.0F, -3.0F, 1e-30F, 1e30F, std::numeric_limits<float>::max()}) {
    Ifmr ifmr(8);
    ifmr.add(std::vector<float>(100, value));
    const IfmrResult found = ifmr.search();
    EXPECT_GE(found.scale, kSmallestScale);
    EXPECT_TRUE(std::isfinite(found.clips.max - found.clips.min)) << value;
    EXPECT_EQ(scale_offset(found.clips.max, found.clips.min, 8, Symmetry::kAsymmetric).offset, 0);
  }
}

TEST(Ifmr, CountedCellsFindWhatExactValuesFind) {
  // One value more than is kept as it is; the same values once more change no quantile and no mean.
  const std::vector<float> values = normal_values(Ifmr::kExactValues, 3);
  Ifmr exact(8), counted(8);
  exact.add(values);
  counted.add(values);
  counted.add(values);
  const IfmrResult a = exact.search(), b = counted.search();
  EXPECT_NEAR(b.scale, a.scale, a.scale * 0.012F) << "at most one candidate away";
  EXPECT_NEAR(b.loss, a.loss, a.loss * 0.01);
}

TEST(Ifmr, SameBitsOnAnyNumberOfThreads) {
  const int before = kernels::num_threads();
  const std::vector<float> values = normal_values(300000, 4);
  std::vector<IfmrResult> results;
  for (const int threads : {1, 2, 3, 8}) {
    kernels::set_num_threads(threads);
    Ifmr ifmr(8);
    ifmr.add(values);
    results.push_back(ifmr.search());
    EXPECT_EQ(results.back().scale, results.front().scale);
    EXPECT_EQ(results.back().loss, results.front().loss);
  }
  kernels::set_num_threads(before);
}

TEST(Ifmr, NeedsValues) {
  EXPECT_EQ(test::error_text([] { Ifmr(8).search(); }), "ifmr: there are no values to find clips for");
}

}  // namespace
}  // namespace octet
