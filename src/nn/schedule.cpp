// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"

namespace octet {
namespace {

void require_rate(const char* schedule, const char* field, double value) {
  require(std::isfinite(value) && value >= 0, schedule, ": ", field, " must be finite and not negative (", field, ' ',
          value, ")");
}

void require_positive(const char* schedule, const char* field, double value) {
  require(std::isfinite(value) && value > 0, schedule, ": ", field, " must be finite and positive (", field, ' ', value,
          ")");
}

void require_steps(const char* schedule, std::int64_t total_steps) {
  require(total_steps > 0, schedule, ": total_steps must be positive (total_steps ", total_steps, ")");
}

void check(const ConstantSchedule& s) { require_rate("ConstantSchedule", "base_lr", s.base_lr); }

void check(const StepSchedule& s) {
  require_rate("StepSchedule", "base_lr", s.base_lr);
  require_positive("StepSchedule", "gamma", s.gamma);
  require(std::ranges::is_sorted(s.milestones), "StepSchedule: milestones must ascend (milestones ", s.milestones, ")");
}

void check(const CosineSchedule& s) {
  require_rate("CosineSchedule", "base_lr", s.base_lr);
  require_steps("CosineSchedule", s.total_steps);
  require_rate("CosineSchedule", "eta_min", s.eta_min);
}

void check(const OneCycleSchedule& s) {
  require_rate("OneCycleSchedule", "max_lr", s.max_lr);
  require_steps("OneCycleSchedule", s.total_steps);
  require(s.pct_start >= 0 && s.pct_start <= 1, "OneCycleSchedule: pct_start must be in [0, 1] (pct_start ",
          s.pct_start, ")");
  require_positive("OneCycleSchedule", "div_factor", s.div_factor);
  require_positive("OneCycleSchedule", "final_div_factor", s.final_div_factor);
}

// Half a cosine from `from` at t = 0 to `to` at t = 1.
double cosine(double from, double to, double t) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * t));
}

double rate(const ConstantSchedule& s, std::int64_t) { return s.base_lr; }

double rate(const StepSchedule& s, std::int64_t step) {
  const auto passed = std::ranges::upper_bound(s.milestones, step) - s.milestones.begin();
  return s.base_lr * std::pow(s.gamma, static_cast<double>(passed));
}

double rate(const CosineSchedule& s, std::int64_t step) {
  const auto t = static_cast<double>(std::min(step, s.total_steps)) / static_cast<double>(s.total_steps);
  return cosine(s.base_lr, s.eta_min, t);
}

double rate(const OneCycleSchedule& s, std::int64_t step) {
  const double first = s.max_lr / s.div_factor, last = first / s.final_div_factor;
  const auto end = static_cast<double>(s.total_steps - 1);
  const double t = std::min(static_cast<double>(step), end);
  const double peak = s.pct_start * static_cast<double>(s.total_steps) - 1.0;  // may lie before step 0
  if (t <= peak) return peak > 0 ? cosine(first, s.max_lr, t / peak) : s.max_lr;
  return cosine(s.max_lr, last, (t - peak) / (end - peak));
}

// What a warm-up leads to.
template <typename S>
double initial_rate(const S& s) {
  return rate(s, 0);
}
double initial_rate(const StepSchedule& s) { return s.base_lr; }

}  // namespace

StepSchedule StepSchedule::every(std::int64_t step_size, std::int64_t total_steps, double base_lr, double gamma) {
  require(step_size > 0, "StepSchedule: step_size must be positive (step_size ", step_size, ")");
  StepSchedule schedule{.base_lr = base_lr, .milestones = {}, .gamma = gamma};
  for (std::int64_t step = step_size; step < total_steps; step += step_size) schedule.milestones.push_back(step);
  return schedule;
}

Schedule::Schedule(Curve curve) : curve_(std::move(curve)) {
  std::visit([](const auto& c) { check(c); }, curve_);
}

Schedule Schedule::with_warmup(std::int64_t steps, double start_factor) const {
  require(steps >= 0, "with_warmup: steps must not be negative (steps ", steps, ")");
  require(start_factor > 0 && start_factor <= 1, "with_warmup: start_factor must be in (0, 1] (start_factor ",
          start_factor, ")");
  require(warmup_steps_ == 0, "with_warmup: the schedule has a warm-up already (of ", warmup_steps_, " steps)");
  Schedule delayed = *this;
  delayed.warmup_steps_ = steps;
  delayed.warmup_factor_ = start_factor;
  return delayed;
}

double Schedule::lr(std::int64_t step) const {
  const FloatEnvironment numbers;
  require(step >= 0, "schedule: step must not be negative (step ", step, ")");
  if (step >= warmup_steps_) return std::visit([&](const auto& c) { return rate(c, step - warmup_steps_); }, curve_);
  const double initial = std::visit([](const auto& c) { return initial_rate(c); }, curve_);
  const double t = static_cast<double>(step) / static_cast<double>(warmup_steps_);
  return initial * (warmup_factor_ + (1.0 - warmup_factor_) * t);
}

}  // namespace octet
