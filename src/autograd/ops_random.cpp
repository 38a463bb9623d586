// SPDX-License-Identifier: Apache-2.0
// Ops that draw random numbers.
#include <memory>

#include "octet/autograd/body.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/float_environment.h"
#include "octet/graph/operators_elementwise.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/float/dropout.h"

namespace octet {
namespace {

// A stream for one call: the drawn number keeps it apart from streams forked by small numbers, the position (which no
// two calls share) from those of other calls.
Rng stream_of_call(Rng& rng) {
  const std::uint64_t position = rng.position();
  const std::uint64_t drawn = rng.next();
  return rng.fork(drawn << 32 | (position & 0xFFFFFFFFu));
}

}  // namespace

Tensor dropout(const Tensor& x, float p, Rng& rng) {
  const FloatEnvironment numbers;
  detail::require_defined("dropout", "x", x);
  require(p >= 0.0F && p < 1.0F, "dropout: p must be in [0, 1) (p ", p, ")");
  const std::int64_t n = x.size();
  const float factor = 1.0F / (1.0F - p);
  const auto keep = std::make_shared<const kernels::Buffer>(n);
  const auto mask = static_cast<std::uint8_t*>(keep->data());
  Rng after = rng;
  kernels::dropout_mask(n, stream_of_call(after), p, mask);
  Tensor y = detail::empty_like(x);
  kernels::dropout_apply(n, mask, factor, x.values().data(), detail::fresh_values(y));
  Tensor result = record(
      ops::kDropout, y, {x},
      [=] {
        return Attributes{{"p", static_cast<double>(p)}};
      },
      [keep, factor, from = detail::ShapeAndLayout(x)](const Tensor& dy, const NeedsGrad&) {
        Tensor dx = from.empty();
        kernels::dropout_apply(dy.size(), static_cast<const std::uint8_t*>(keep->data()), factor, dy.values().data(),
                               detail::fresh_values(dx));
        return std::vector<Tensor>{dx};
      });
  rng = after;  // last: a call that fails draws nothing
  return result;
}

}  // namespace octet
