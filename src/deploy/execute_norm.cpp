// SPDX-License-Identifier: Apache-2.0
// Normalisation in a plan.
#include <cmath>
#include <memory>

#include "octet/base/error.h"
#include "octet/deploy/binding.h"
#include "octet/deploy/execution.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operators_norm.h"
#include "octet/kernels/epilogue/epilogue.h"
#include "octet/kernels/float/channel_sums.h"

namespace octet::deploy {
namespace {

// (x - mean) * scale + shift per channel.
struct Affine {
  std::vector<float> mean, scale, shift;
};

void lower_batch_norm(Lowering& l) {
  Affine affine{l.constants().floats(l.input(3)), {}, l.constants().floats(l.input(2))};
  const std::vector<float> gamma = l.constants().floats(l.input(1)), variance = l.constants().floats(l.input(4));
  const double eps = attribute(l.node().attributes, "eps", 1e-5);
  for (std::size_t c = 0; c < gamma.size(); ++c)
    affine.scale.push_back(gamma[c] * kernels::inverse_deviation(variance[c], eps));
  for (std::size_t c = 0; c < gamma.size(); ++c)
    require(std::isfinite(affine.scale[c]), "channel ", c, " has the variance ", variance[c], " and the weight ",
            gamma[c], ", whose quotient is not finite");
  const std::int64_t channels = std::ssize(affine.scale);
  const auto shared = std::make_shared<const Affine>(std::move(affine));
  const auto bind = [=](Binding& at) -> Run {
    const kernels::Rows pixels{channels == 0 ? 0 : at.output_count() / channels, channels};
    return [=, x = at.real_input(), y = at.real_output()](const Memory& m) {
      const kernels::EpilogueTerm term{x(m), shared->mean.data(), shared->scale.data(), shared->shift.data()};
      kernels::epilogue_forward(pixels, {term, {}}, kernels::kNoClamp, y(m));
    };
  };
  l.define_real(l.add_step(ops::kBatchNorm, Computation{bind, 12 * channels}, {{l.real(l.input(0)), {}}},
                           l.output_shape(), false));
}

}  // namespace

std::span<const NamedExecution> norm_executions() {
  static constexpr NamedExecution kAll[] = {{ops::kBatchNorm, lower_batch_norm}};
  return kAll;
}

}  // namespace octet::deploy
