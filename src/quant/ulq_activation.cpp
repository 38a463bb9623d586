// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/ulq_activation.h"

#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/kernels/fake_quant.h"

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
                      const UlqGrid& grid) {
  Tensor y = Tensor::empty(x.shape(), x.layout());
  const bool finite = kernels::fake_quantize(x.size(), kernel_grid(grid), x.values().data(), y.mutable_values().data());
  require(finite, layer, ": the input has values that are not finite (x ", x.shape(), ")");

  const DescribeOp describe = [grid] {
    return Attributes{{"bits", std::int64_t{grid.bits}},
                      {"scale", static_cast<double>(grid.grid.scale)},
                      {"offset", std::int64_t{grid.grid.offset}}};
  };
  return record(
      "ulq_activation", y, {x, clip_max, clip_min}, describe, [x, grid](const Tensor& dy, const NeedsGrad& needs) {
        std::vector<Tensor> grads(3);
        if (needs[0]) grads[0] = Tensor::empty(x.shape(), x.layout());
        const kernels::ClipGradients sums =
            kernels::clipped_backward(x.size(), {kernel_grid(grid), grid.clips.max, grid.clips.min}, x.values().data(),
                                      dy.values().data(), needs[0] ? grads[0].mutable_values().data() : nullptr);
        if (needs[1]) grads[1] = Tensor::scalar(static_cast<float>(sums.clip_max));
        if (needs[2]) grads[2] = Tensor::scalar(static_cast<float>(sums.clip_min));
        return grads;
      });
}

}  // namespace octet
