// SPDX-License-Identifier: Apache-2.0
// check_op(): an op's values and gradients against a naive double-precision function; check_adjoint(): <Ax, y> = <x,
// A'y>.
//
// The gradient under test is that of sum(y * r) for a random r. What it is compared with are central differences of the
// *reference*: in double their error is near 1e-10, so the tolerance is spent on the op alone. Small inputs are checked
// element by element; of large ones some random elements, and derivatives along random directions, in which every
// element takes part: one wrong element among n shows up there as an error of 1/sqrt(n), well above the tolerance.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iomanip>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "support/array64.h"
#include "support/same_bits.h"

namespace octet::test {

using Op = std::function<Tensor(const std::vector<Tensor>&)>;
using Reference = std::function<Array64(const std::vector<Array64>&)>;

struct CheckOptions {
  double value_tolerance = 1e-5;      ///< of |y - reference|, relative to the largest |reference|
  double gradient_tolerance = 1e-4;   ///< of |ours - numeric|, relative to the larger of |numeric| and the rms gradient
  double gradient_floor = 1e-6;       ///< smallest value to be relative to; raise it where the true gradient is zero
  std::vector<bool> needs_grad{};     ///< per input; default: every defined input
  std::int64_t exhaustive = 128;      ///< inputs up to this size are differentiated element by element
  int elements = 24, directions = 6;  ///< probes of larger inputs
  bool same_bits_alone = true;        ///< a gradient has the same bits when it is the only one asked for
  std::uint64_t seed = 1;
};

namespace detail {

/// The lines of a failure: which input, which element or direction, what we have, what it should be.
class ErrorTable {
 public:
  void add(const std::string& input, const std::string& index, double ours, double expected, double scale,
           double tolerance) {
    const double error = std::fabs(ours - expected) / scale;
    if (error <= tolerance) return;  // NaN is no success
    if (++count_ > kMaxLines) return;
    lines_ << std::left << std::setw(10) << input << std::setw(14) << index << std::right << std::setprecision(8)
           << std::setw(17) << ours << std::setw(17) << expected << std::setprecision(3) << std::setw(12) << error
           << '\n';
  }
  testing::AssertionResult result() const {
    if (count_ == 0) return testing::AssertionSuccess();
    return testing::AssertionFailure() << count_ << " wrong values\ninput     index                      ours"
                                       << "          numeric  rel. error\n"
                                       << lines_.str() << (count_ > kMaxLines ? "...\n" : "");
  }

 private:
  static constexpr int kMaxLines = 12;
  int count_ = 0;
  std::ostringstream lines_;
};

struct Gradients {
  Tensor y;
  std::vector<Tensor> grads;
};

/// Runs op forward and backward on copies of the inputs, with gradients for `needs`.
inline Gradients run_op(const Op& op, const std::vector<Tensor>& inputs, const std::vector<bool>& needs,
                        const std::function<Tensor(const Tensor& y)>& r_like) {
  std::vector<Tensor> leaves;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    leaves.push_back(inputs[i].defined() ? inputs[i].clone() : Tensor());
    if (inputs[i].defined()) leaves.back().set_requires_grad(needs[i]);
  }
  Gradients out;
  const Tensor y = op(leaves);
  out.y = y.detach();
  const Tensor r = r_like(y);
  const Tensor r_before = r.clone();
  y.backward(r);
  EXPECT_TRUE(same_bits(r, r_before)) << "backward() wrote to the gradient it was given";
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    EXPECT_TRUE(same_bits(leaves[i], inputs[i])) << "the op or its backward wrote to input " << i;
    out.grads.push_back(leaves[i].defined() ? leaves[i].grad() : Tensor());
    EXPECT_EQ(out.grads[i].defined(), needs[i]) << "input " << i << ": a gradient if and only if it is needed";
  }
  return out;
}

/// d sum(y * r) / d(step of input along direction), by central differences of the reference.
inline double derivative(const Reference& reference, std::vector<Array64>& inputs, std::size_t input,
                         const std::vector<std::pair<std::size_t, double>>& direction, const Array64& r) {
  constexpr double kStep = 1e-5;
  const std::vector<double> at = inputs[input].values;
  for (const auto& [i, d] : direction) inputs[input].values[i] = at[i] + kStep * d;
  Array64 difference = reference(inputs);
  for (const auto& [i, d] : direction) inputs[input].values[i] = at[i] - kStep * d;
  const Array64 minus = reference(inputs);
  inputs[input].values = at;
  for (std::size_t i = 0; i < minus.values.size(); ++i) difference.values[i] -= minus.values[i];
  return inner(difference, r) / (2 * kStep);
}

inline void check_gradient(ErrorTable& table, const Reference& reference, std::vector<Array64>& inputs,
                           std::size_t input, const Array64& grad, const Array64& r, const CheckOptions& options) {
  const std::string name = "input " + std::to_string(input);
  const std::size_t size = grad.values.size();
  const double rms = norm(grad) / std::sqrt(static_cast<double>(size));
  const bool all = grad.size() <= options.exhaustive;
  Rng rng(options.seed, 2);
  const std::size_t probes = all ? size : static_cast<std::size_t>(options.elements);
  for (std::size_t k = 0; k < probes; ++k) {
    const std::size_t i = all ? k : rng.below(static_cast<std::uint32_t>(size));
    const double numeric = derivative(reference, inputs, input, {{i, 1.0}}, r);
    const double scale = std::max({std::fabs(numeric), rms, options.gradient_floor});
    table.add(name, std::to_string(i), grad.values[i], numeric, scale, options.gradient_tolerance);
  }
  for (int k = 0; !all && k < options.directions; ++k) {
    std::vector<std::pair<std::size_t, double>> direction;
    double ours = 0;
    for (std::size_t i = 0; i < size; ++i) {
      direction.emplace_back(i, rng.normal());
      ours += grad.values[i] * direction.back().second;
    }
    const double numeric = derivative(reference, inputs, input, direction, r);
    const double scale = std::max({std::fabs(numeric), norm(grad), options.gradient_floor});
    table.add(name, "direction " + std::to_string(k), ours, numeric, scale, options.gradient_tolerance);
  }
}

}  // namespace detail

/// Values of op(inputs) against reference(inputs), and the gradient of each input against differences of the reference.
/// Also: gradients exist exactly where needed and have the same bits when no other is asked for; nothing writes to the
/// inputs. Use as EXPECT_TRUE(check_op(...)).
[[nodiscard]] inline testing::AssertionResult check_op(const Op& op, const Reference& reference,
                                                       const std::vector<Tensor>& inputs,
                                                       const CheckOptions& options = {}) {
  std::vector<bool> needs = options.needs_grad;
  std::vector<Array64> inputs64;
  for (const Tensor& input : inputs) inputs64.push_back(to_array64(input));
  if (needs.empty())
    for (const Tensor& input : inputs) needs.push_back(input.defined());

  Tensor r;
  const auto r_like = [&](const Tensor& y) {
    Rng rng(options.seed, 1);
    if (!r.defined()) r = y.detach().clone();
    for (float& v : r.mutable_values()) v = rng.normal();
    return r;
  };
  const detail::Gradients ours = detail::run_op(op, inputs, needs, r_like);

  const Array64 y = to_array64(ours.y), expected = reference(inputs64), r64 = to_array64(r);
  if (y.shape != expected.shape)
    return testing::AssertionFailure() << text("shape ", y.shape, ", the reference has ", expected.shape);
  detail::ErrorTable table;
  double largest = 1e-30;
  for (double v : expected.values) largest = std::max(largest, std::fabs(v));
  for (std::size_t i = 0; i < y.values.size(); ++i)
    table.add("value", std::to_string(i), y.values[i], expected.values[i], largest, options.value_tolerance);

  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!needs[i] || !ours.grads[i].defined()) continue;
    if (ours.grads[i].shape() != inputs[i].shape())
      return testing::AssertionFailure() << "gradient of input " << i << " has shape " << text(ours.grads[i].shape());
    detail::check_gradient(table, reference, inputs64, i, to_array64(ours.grads[i]), r64, options);
    if (!options.same_bits_alone) continue;
    std::vector<bool> alone(inputs.size(), false);
    alone[i] = true;
    EXPECT_TRUE(same_bits(detail::run_op(op, inputs, alone, r_like).grads[i], ours.grads[i]))
        << "input " << i << ": gradient asked for alone";
  }
  return table.result();
}

/// <forward(x), y> = <x, transposed(y)> for linear maps, relative to the norms of the factors.
[[nodiscard]] inline testing::AssertionResult check_adjoint(const std::function<Tensor(const Tensor&)>& forward,
                                                            const std::function<Tensor(const Tensor&)>& transposed,
                                                            const Tensor& x, const Tensor& y, double tolerance = 1e-6) {
  const Array64 ax = to_array64(forward(x)), aty = to_array64(transposed(y));
  const Array64 x64 = to_array64(x), y64 = to_array64(y);
  if (ax.shape != y64.shape || aty.shape != x64.shape)
    return testing::AssertionFailure() << text("shapes: Ax ", ax.shape, ", y ", y64.shape, ", A'y ", aty.shape, ", x ",
                                               x64.shape);
  detail::ErrorTable table;
  table.add("<Ax, y>", "<x, A'y>", inner(ax, y64), inner(x64, aty), norm(ax) * norm(y64) + 1e-30, tolerance);
  return table.result();
}

}  // namespace octet::test
