// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_epilogue.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "octet/kernels/core/simd.h"
#include "octet/kernels/int8/int8_epilogue_loops.h"
#include "octet/kernels/quantize/grid_level.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kLargestPeriod = 4096;  // of four vectors; one vector's is shorter where this would be exceeded

double largest_bias(const Int8Epilogue& e) {
  double largest = 0.0;
  for (const float bias : e.bias) largest = std::max(largest, std::fabs(double{bias}));
  return largest;
}

// True if neither y nor what is added to it can be more than 2^28 steps of a grid.
bool is_moderate(const Int8Epilogue& e, std::int64_t largest_sum) {
  constexpr double kSteps = 0x1p28;
  double largest = 0.0;
  for (std::size_t c = 0; c < e.scale.size(); ++c)
    largest = std::max(largest, (static_cast<double>(largest_sum) + std::fabs(e.bias[c])) * e.scale[c]);
  const double sum = largest + (e.inner ? 255.0 * e.inner->scale : 0.0) + 255.0 * e.residual_scale.scale;
  return e.residual != Int8Epilogue::Residual::kFloat && (!e.inner || largest < kSteps * e.inner->scale) &&
         (!e.output || sum < kSteps * e.output->scale);
}

}  // namespace

namespace {

constexpr std::int64_t kBlock = 512;  // values that stay in the first cache from stage to stage

// Some channels of one pixel, stage after stage: plain loops, which the compiler turns into vectors.
OCTET_CLONES void finish_block(const Int8Finisher::Plan& p, std::int64_t first, std::int64_t count,
                               const Int8Tile& tile, std::int64_t from, std::int64_t at, const Int8Results& out) {
  float y[kBlock];
  const float *const bias = p.bias.data() + first, *const scale = p.scale.data() + first;
  if (tile.rounded) {
    const float* const acc = tile.rounded + from;
    for (std::int64_t i = 0; i < count; ++i) y[i] = (acc[i] + bias[i]) * scale[i];
  } else {
    const std::int32_t *const acc = tile.acc + from, *const correction = p.correction.data() + first;
    for (std::int64_t i = 0; i < count; ++i) y[i] = (static_cast<float>(acc[i] + correction[i]) + bias[i]) * scale[i];
  }
  if (p.has_inner)
    for (std::int64_t i = 0; i < count; ++i) y[i] = grid_level(p.inner, y[i]) * p.inner.scale;
  if (p.residual == Int8Epilogue::Residual::kFloat) {
    const float* const residual = static_cast<const float*>(out.residual) + at;
    for (std::int64_t i = 0; i < count; ++i) y[i] += residual[i];
  }
  if (p.residual == Int8Epilogue::Residual::kQuantized) {
    const std::uint8_t* const residual = static_cast<const std::uint8_t*>(out.residual) + at;
    for (std::int64_t i = 0; i < count; ++i)
      y[i] += static_cast<float>(residual[i] - p.residual_scale.zero_point) * p.residual_scale.scale;
  }
  for (std::int64_t i = 0; i < count; ++i) y[i] = y[i] < p.low ? p.low : y[i] > p.high ? p.high : y[i];
  if (p.keeps_float) std::copy_n(y, count, out.y + at);
  if (p.has_output)
    for (std::int64_t i = 0; i < count; ++i)
      out.q[at + i] =
          static_cast<std::uint8_t>(static_cast<std::int32_t>(grid_level(p.output, y[i])) + p.output.zero_point);
}

}  // namespace

void finish_plain(const Int8Finisher::Plan& p, const Int8Tile& tile, const Int8Results& out) {
  for (std::int64_t row = 0; row < tile.rows; ++row)
    for (std::int64_t c = 0; c < p.width; c += kBlock)
      finish_block(p, c, std::min(kBlock, p.width - c), tile, row * p.width + c, tile.position + row * p.pitch + c,
                   out);
}

Int8Finisher::Int8Finisher(const Int8Epilogue& e, const ChannelRange& range, std::int64_t channels,
                           std::int64_t largest_sum, const std::vector<std::int32_t>& correction) {
  Plan& p = plan_;
  const std::int64_t width = range.width;
  p.width = width;
  p.pitch = channels;
  p.vectors = std::lcm(width, 4 * kLanes) <= kLargestPeriod ? 4 : 1;
  p.period = std::lcm(width, p.vectors * kLanes);
  p.period_rows = p.period / width;
  for (std::int64_t i = 0; i < p.period; ++i) {
    p.bias.push_back(e.bias[static_cast<std::size_t>(range.first + i % width)]);
    p.scale.push_back(e.scale[static_cast<std::size_t>(range.first + i % width)]);
    p.correction.push_back(correction.empty() ? 0 : correction[static_cast<std::size_t>(i % width)]);
  }
  p.ready = false;
  is_exact_ = static_cast<double>(largest_sum) + largest_bias(e) < 0x1p24;
  p.has_inner = e.inner.has_value();
  p.inner = e.inner.value_or(Int8Scale{1.0F, 0});
  p.has_output = e.output.has_value();
  p.output = e.output.value_or(Int8Scale{1.0F, 0});
  p.keeps_float = e.keeps_float;
  p.residual = e.residual;
  p.residual_scale = e.residual_scale;
  p.low = e.low;
  p.high = e.high;
  // A ReLU before a grid that begins at zero is what the grid does anyway.
  const bool grid_does_it = e.output && !e.keeps_float && e.low <= 0.0F && e.output->zero_point == 0;
  p.clamps_low = !std::isinf(e.low) && !grid_does_it;
  p.clamps_high = !std::isinf(e.high);
  p.moderate = is_moderate(e, largest_sum);
  p.has_byte_sum = false;
  fast_ = avx512_quantizes_exactly(p.inner) && avx512_quantizes_exactly(p.output);
  if (fast_ && p.moderate && e.inner && e.output && !e.keeps_float && !p.clamps_high &&
      e.residual == Int8Epilogue::Residual::kQuantized)
    if (const auto found = find_byte_sum({p.inner, p.residual_scale, p.output, e.low})) {
      p.has_byte_sum = true;
      p.byte_sum = *found;
    }
}

std::vector<std::int32_t> Int8Finisher::leave_to_the_sums() {
  std::vector<std::int32_t> left;
  if (!fast_ || !is_exact_) return left;
  plan_.ready = true;
  for (std::size_t i = 0; i < static_cast<std::size_t>(plan_.width); ++i)
    left.push_back(plan_.correction[i] + static_cast<std::int32_t>(plan_.bias[i]));
  return left;
}

void Int8Finisher::operator()(const Int8Tile& tile, const Int8Results& results) const {
  if (!fast_ || tile.rounded) return finish_plain(plan_, tile, results);
  if (plan_.width == plan_.pitch || plan_.period_rows == 1) return finish_avx512(plan_, tile, results);
  for (std::int64_t row = 0; row < tile.rows; ++row)  // a vector would reach from one row into the next
    finish_avx512(plan_, {tile.acc + row * plan_.width, 1, tile.position + row * plan_.pitch}, results);
}

}  // namespace octet::kernels
