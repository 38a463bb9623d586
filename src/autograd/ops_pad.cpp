// SPDX-License-Identifier: Apache-2.0
// Padding of activations.
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/kernels/pad.h"

namespace octet {
namespace {

const char* name_of(PaddingMode mode) {
  switch (mode) {
    case PaddingMode::kZeros:
      return "zeros";
    case PaddingMode::kReflect:
      return "reflect";
    case PaddingMode::kReplicate:
      return "replicate";
    case PaddingMode::kCircular:
      return "circular";
  }
  fail("pad2d: unknown padding mode ", static_cast<int>(mode));
}

// The place of a row of `size` rows that is shown `i` rows after its first; -1 for zeros.
std::int64_t source(std::int64_t i, std::int64_t size, PaddingMode mode) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case PaddingMode::kZeros:
      return -1;
    case PaddingMode::kReflect:  // the edge itself is not repeated
      return i < 0 ? -i : 2 * (size - 1) - i;
    case PaddingMode::kReplicate:
      return i < 0 ? 0 : size - 1;
    case PaddingMode::kCircular:
      return i < 0 ? i + size : i - size;
  }
  fail("pad2d: unknown padding mode ", static_cast<int>(mode));
}

std::vector<std::int64_t> sources(std::int64_t size, std::int64_t padding, PaddingMode mode) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = -padding; i < size + padding; ++i) all.push_back(source(i, size, mode));
  return all;
}

void check_padding(const Tensor& x, Size2 padding, PaddingMode mode) {
  const std::int64_t h = x.dim(2), w = x.dim(3);
  require(padding.h >= 0 && padding.w >= 0, "pad2d: padding must be at least 0 (padding ", padding, ")");
  detail::require_not_huge("pad2d", "padding", padding);
  if (mode == PaddingMode::kReflect)
    require(padding.h < h && padding.w < w, "pad2d: reflect padding must be smaller than the image (padding ", padding,
            ", x ", x.shape(), ")");
  if (mode == PaddingMode::kCircular)
    require(padding.h <= h && padding.w <= w, "pad2d: circular padding must not exceed the image (padding ", padding,
            ", x ", x.shape(), ")");
  if (mode == PaddingMode::kReplicate)
    require(h > 0 && w > 0, "pad2d: replicate padding needs an image that is not empty (x ", x.shape(), ")");
}

}  // namespace

Tensor pad2d(const Tensor& x, Size2 padding, PaddingMode mode) {
  detail::require_activation("pad2d", "x", x);
  check_padding(x, padding, mode);
  const kernels::PadShape s{
      x.dim(0), x.dim(1), x.dim(2), x.dim(3), sources(x.dim(2), padding.h, mode), sources(x.dim(3), padding.w, mode)};
  Tensor y = Tensor::empty({s.n, s.c, std::ssize(s.rows), std::ssize(s.columns)});
  kernels::pad_forward(s, x.values().data(), y.mutable_values().data());
  const auto attributes = [=] {
    return Attributes{{"padding", detail::as_list(padding)}, {"mode", std::string(name_of(mode))}};
  };
  return record("pad2d", y, {x}, attributes, [s](const Tensor& dy, const NeedsGrad&) {
    Tensor dx = Tensor::empty({s.n, s.c, s.h, s.w});
    kernels::pad_backward(s, dy.values().data(), dx.mutable_values().data());
    return std::vector<Tensor>{dx};
  });
}

}  // namespace octet
