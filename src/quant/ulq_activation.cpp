// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/ulq_activation.h"

namespace octet {
namespace {

kernels::Grid kernel_grid(const UlqGrid& q) {
  const IntegerRange range{q.bits};
  return {q.grid.scale, static_cast<float>(q.grid.offset), range.low(), range.high()};
}

}  // namespace

Clips usable_clips(const Clips& now, const Clips& before, bool fixed_min) {
  Clips clips = now;
  if (fixed_min) clips.min = 0.0F;
  if (clips.max - clips.min <= kSmallestScale) return before;
  if (clips.max < 0.0F)
    clips.max = before.max;
  else if (clips.min > 0.0F)
    clips.min = before.min;
  return clips;
}

UlqGrid ulq_grid(const Clips& clips, int bits, Symmetry symmetry) {
  return {clips, scale_offset(clips.max, clips.min, bits, symmetry), bits};
}

Tensor ulq_activation(const char* layer, const Tensor& x, const Tensor& clip_max, const Tensor& clip_min,
                      const UlqGrid& grid, Readers readers) {
  return quantize_activation(layer, x, clip_max, clip_min, {kernel_grid(grid), grid.clips.max, grid.clips.min},
                             readers);
}

}  // namespace octet
