// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/scale_offset.h"

#include <cmath>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"

namespace octet {
namespace {

ScaleOffset asymmetric(float max, float min, const IntegerRange& range) {
  const FloatEnvironment numbers;
  const float top = max < 0.0F ? 0.0F : max, bottom = min > 0.0F ? 0.0F : min;  // NaN stays
  const float scale = (top - bottom) / range.steps();
  const float offset = top != bottom ? range.low() - bottom / scale : range.low();
  if (scale < kSmallestScale) return {1.0F, static_cast<std::int32_t>(range.low())};
  require(std::isfinite(scale) && std::isfinite(offset), "scale_offset: the range is too wide or not finite (max ", max,
          ", min ", min, ", scale ", scale, ", offset ", offset, ")");
  return {scale, static_cast<std::int32_t>(std::rint(offset))};
}

ScaleOffset symmetric(float max, float min, const IntegerRange& range) {
  const FloatEnvironment numbers;
  const float above = std::fabs(max), below = std::fabs(min);
  const float scale = (above > below ? above : below) / (above < below ? range.half() : range.high());
  if (scale < kSmallestScale) return {1.0F, 0};
  require(std::isfinite(scale), "scale_offset: the range is not finite (max ", max, ", min ", min, ", scale ", scale,
          ")");
  return {scale, 0};
}

}  // namespace

float IntegerRange::half() const { return static_cast<float>(std::int64_t{1} << (bits - 1)); }
float IntegerRange::low() const { return -half(); }
float IntegerRange::high() const { return half() - 1.0F; }
float IntegerRange::steps() const { return 2.0F * half() - 1.0F; }

ScaleOffset scale_offset(float max, float min, int bits, Symmetry symmetry) {
  require(bits == 4 || bits == 8 || bits == 16, "scale_offset: bits must be 4, 8 or 16 (bits ", bits, ")");
  const IntegerRange range{bits};
  return symmetry == Symmetry::kAsymmetric ? asymmetric(max, min, range) : symmetric(max, min, range);
}

}  // namespace octet
