// SPDX-License-Identifier: Apache-2.0
// Learning rates as functions of the optimizer step (from 0). Plain values: nothing to save, any step can be asked.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace octet {

struct ConstantSchedule {
  double base_lr;
};

/// base_lr * gamma^k, k the number of milestones that are <= step (PyTorch's MultiStepLR).
struct StepSchedule {
  double base_lr;
  std::vector<std::int64_t> milestones;  ///< ascending; those that are not positive have passed at step 0
  double gamma = 0.1;

  /// A milestone every `step_size` steps up to `total_steps`.
  static StepSchedule every(std::int64_t step_size, std::int64_t total_steps, double base_lr, double gamma = 0.1);
};

/// Half a cosine from base_lr at step 0 to eta_min at `total_steps` (the T_max of PyTorch's CosineAnnealingLR), then
/// eta_min; PyTorch's rises again.
struct CosineSchedule {
  double base_lr;
  std::int64_t total_steps;
  double eta_min = 0.0;
};

/// PyTorch's OneCycleLR with cosine annealing: max_lr/div_factor up to max_lr over the first pct_start of the steps,
/// then down to max_lr/div_factor/final_div_factor at step total_steps - 1, where it stays. Momentum stays as it is,
/// as with cycle_momentum=False.
struct OneCycleSchedule {
  double max_lr;
  std::int64_t total_steps;
  double pct_start = 0.3;
  double div_factor = 25.0;
  double final_div_factor = 1e4;
};

/// One of the schedules, after an optional linear warm-up.
class Schedule {
 public:
  using Curve = std::variant<ConstantSchedule, StepSchedule, CosineSchedule, OneCycleSchedule>;

  /// Throws Error if a field is out of range; the message names schedule and field.
  template <typename S>
  requires std::is_constructible_v<Curve, S> Schedule(S curve)
      : Schedule(Curve(std::move(curve))) {}  // NOLINT: implicit on purpose
  Schedule(Curve curve);                      // NOLINT: implicit on purpose

  /// This schedule delayed by `steps` steps, in which the rate grows linearly from `start_factor` times its initial
  /// rate to that rate (PyTorch: SequentialLR of LinearLR and this). Milestones do not lower the initial rate: it is
  /// base_lr, of a cycle its first rate. Throws Error unless start_factor is in (0, 1].
  Schedule with_warmup(std::int64_t steps, double start_factor = 1.0 / 3) const;

  /// The learning rate that step `step` >= 0 uses.
  double lr(std::int64_t step) const;

 private:
  Curve curve_;
  std::int64_t warmup_steps_ = 0;
  double warmup_factor_ = 1.0;
};

}  // namespace octet
