// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/ifmr.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "octet/base/error.h"
#include "octet/kernels/quantize/fake_quant.h"

namespace octet {
namespace {

// A cell holds the floats that agree in sign, exponent and the first eleven bits after the leading one.
constexpr int kBitsDropped = 12;
constexpr std::size_t kCells = std::size_t{1} << (32 - kBitsDropped);
constexpr std::size_t kNegativeCells = kCells / 2;  // the sign is the highest bit

std::size_t cell_of(float value) { return std::bit_cast<std::uint32_t>(value) >> kBitsDropped; }

// The middle of the cell; for those around zero, zero.
float value_of(std::size_t cell) {
  if (cell % kNegativeCells == 0) return 0.0F;
  return std::bit_cast<float>(static_cast<std::uint32_t>(cell) << kBitsDropped | 1U << (kBitsDropped - 1));
}

}  // namespace

// What was collected. With counts, values ascend.
struct Ifmr::Sample {
  std::vector<float> values;
  std::vector<double> counts;  // empty: 1 each
  double total = 0.0;

  // The k-th value from the top or, with std::less, from the bottom.
  template <typename Order>
  float kth(std::int64_t k, Order order) const {
    if (counts.empty()) {
      std::vector<float> first(static_cast<std::size_t>(k));
      std::ranges::partial_sort_copy(values, first, order);
      return first.back();
    }
    const bool from_top = order(1.0F, 0.0F);
    double seen = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t at = from_top ? values.size() - 1 - i : i;
      seen += counts[at];
      if (seen >= static_cast<double>(k)) return values[at];
    }
    return from_top ? values.front() : values.back();
  }
};

void Ifmr::add(std::span<const float> values) {
  if (!cells_.empty()) return count(values);
  if (values_.size() + values.size() <= kExactValues) {
    values_.insert(values_.end(), values.begin(), values.end());
    return;
  }
  cells_.resize(kCells);
  count(values_);
  values_ = {};
  count(values);
}

void Ifmr::count(std::span<const float> values) {
  for (const float value : values) ++cells_[cell_of(value)];
}

Ifmr::Sample Ifmr::sample() const {
  Sample sample{.values = values_, .counts = {}, .total = static_cast<double>(values_.size())};
  const auto take = [&](std::size_t cell) {
    if (cells_[cell] == 0) return;
    sample.values.push_back(value_of(cell));
    sample.counts.push_back(static_cast<double>(cells_[cell]));
    sample.total += sample.counts.back();
  };
  if (cells_.empty()) return sample;
  for (std::size_t cell = kCells; cell-- > kNegativeCells;) take(cell);
  for (std::size_t cell = 0; cell < kNegativeCells; ++cell) take(cell);
  return sample;
}

std::array<float, Ifmr::kCandidates> Ifmr::ratios() {
  // 0.7 + 0.01 i, with the last bits of a range that is computed eight at a time and whose rest is computed singly.
  std::array<float, kCandidates> ratios;
  for (std::size_t i = 0; i < kCandidates; ++i) {
    const auto block = static_cast<float>(0.7 + 0.08 * static_cast<double>(i / 8));
    ratios[i] = i < 48 ? static_cast<float>(static_cast<double>(block) + 0.01 * static_cast<double>(i % 8))
                       : static_cast<float>(0.7 + 0.01 * static_cast<double>(i));
  }
  return ratios;
}

IfmrResult Ifmr::search() const {
  const Sample sample = this->sample();
  require(!sample.values.empty(), "ifmr: there are no values to find clips for");
  const auto n = static_cast<std::int64_t>(sample.total);
  const std::int64_t k = n - static_cast<std::int64_t>(0.999999 * static_cast<double>(n));
  const float top = std::max(0.0F, sample.kth(k, std::greater<>())),
              bottom = std::min(0.0F, sample.kth(k, std::less<>()));
  const IntegerRange range{bits_};
  const float magnitude = std::max(top, -bottom), levels = top < -bottom ? range.half() : range.high();

  std::array<float, kCandidates> clips = ratios(), scales;
  for (std::size_t i = 0; i < kCandidates; ++i) {
    clips[i] *= magnitude;
    scales[i] = clips[i] / levels < kSmallestScale ? 1.0F : clips[i] / levels;
  }
  std::array<double, kCandidates> losses{};
  kernels::add_rounding_losses(std::ssize(sample.values), sample.values.data(),
                               sample.counts.empty() ? nullptr : sample.counts.data(), clips, scales, losses);
  std::size_t best = 0;  // of finite loss: only candidates above 1 can overflow
  for (std::size_t i = 1; i < kCandidates; ++i)
    if (losses[i] < losses[best]) best = i;

  // For magnitudes near the end of float32: the width of the range must be finite, too.
  const float scale = std::min(scales[best], std::numeric_limits<float>::max() / (2.0F * range.half()));
  return {scale, {range.high() * scale, range.low() * scale}, losses[best] / sample.total};
}

}  // namespace octet
