// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/schedule.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/error_text.h"
#include "support/golden_json.h"

namespace octet {
namespace {

using test::error_text;

TEST(Schedule, CosineAndOneCycleAreThoseOfPyTorch) {
  int compared = 0;
  const nlohmann::json cases = test::load_golden("pytorch_ops.json")["schedules"];
  EXPECT_FALSE(cases.empty());
  for (const nlohmann::json& golden : cases) {
    const bool one_cycle = golden["schedule"] == "OneCycleLR";
    if (one_cycle && golden["anneal_strategy"] != "cos") continue;
    const Schedule schedule =
        one_cycle ? Schedule(OneCycleSchedule{.max_lr = golden["max_lr"],
                                              .total_steps = golden["total_steps"],
                                              .pct_start = golden["pct_start"],
                                              .div_factor = golden["div_factor"],
                                              .final_div_factor = golden["final_div_factor"]})
                  : Schedule(CosineSchedule{
                        .base_lr = golden["base_lr"], .total_steps = golden["T_max"], .eta_min = golden["eta_min"]});
    const auto expected = golden["lr"].get<std::vector<double>>();
    for (std::size_t step = 0; step < expected.size(); ++step)
      EXPECT_NEAR(schedule.lr(static_cast<std::int64_t>(step)), expected[step], 1e-14)
          << golden["schedule"] << ' ' << step;
    ++compared;
  }
  EXPECT_EQ(compared, 2);
}

Schedule schedule_of(const nlohmann::json& golden) {
  const std::int64_t warmup = golden["warmup"], after = golden["total_steps"].get<std::int64_t>() - warmup;
  const double lr = golden["base_lr"];
  const auto curve = [&]() -> Schedule {
    if (golden["name"] == "step") {
      StepSchedule step{.base_lr = lr, .milestones = golden["milestones"], .gamma = golden["gamma"]};
      for (std::int64_t& milestone : step.milestones) milestone -= warmup;
      return step;
    }
    if (golden["name"] == "cosine")
      return CosineSchedule{.base_lr = lr, .total_steps = after, .eta_min = golden["eta_min"]};
    if (golden["name"] == "one_cycle")
      return OneCycleSchedule{.max_lr = lr,
                              .total_steps = after + 1,
                              .pct_start = golden["pct_start"],
                              .div_factor = golden["div_factor"],
                              .final_div_factor = golden["final_div_factor"]};
    return ConstantSchedule{lr};
  }();
  return warmup > 0 ? curve.with_warmup(warmup, golden["start_factor"]) : curve;
}

TEST(Schedule, WithAndWithoutWarmupHasTheRatesOfPyTorch) {
  const nlohmann::json cases = test::load_golden("pytorch_schedules.json")["schedules"];
  ASSERT_EQ(cases.size(), 96U);
  for (const nlohmann::json& golden : cases) {
    const Schedule schedule = schedule_of(golden);
    const auto expected = golden["lr"].get<std::vector<double>>();
    for (std::size_t step = 0; step < expected.size(); ++step)
      ASSERT_NEAR(schedule.lr(static_cast<std::int64_t>(step)), expected[step], 1e-14) << golden << " step " << step;
  }
}

TEST(Schedule, ConstantStaysAndStepsFallAtTheirMilestones) {
  EXPECT_EQ(Schedule(ConstantSchedule{.base_lr = 0.3}).lr(1'000'000), 0.3);
  const Schedule steps = StepSchedule{.base_lr = 1.0, .milestones = {3, 5}, .gamma = 0.5};
  EXPECT_EQ(steps.lr(2), 1.0);
  EXPECT_EQ(steps.lr(3), 0.5);
  EXPECT_EQ(steps.lr(4), 0.5);
  EXPECT_EQ(steps.lr(5), 0.25);
  EXPECT_EQ(steps.lr(500), 0.25);
  EXPECT_EQ(StepSchedule::every(10, 31, 1.0).milestones, (std::vector<std::int64_t>{10, 20, 30}));
}

TEST(Schedule, StaysAtItsLastValueAfterTheEnd) {
  EXPECT_EQ(Schedule(CosineSchedule{.base_lr = 1.0, .total_steps = 10, .eta_min = 0.125}).lr(11), 0.125);
  const Schedule cycle = OneCycleSchedule{.max_lr = 1.0, .total_steps = 10};
  EXPECT_EQ(cycle.lr(10), cycle.lr(9));
  EXPECT_NEAR(cycle.lr(9), 1.0 / 25 / 1e4, 1e-15);
}

TEST(Schedule, OneCycleIsDefinedWhereNoStepRises) {
  EXPECT_EQ(Schedule(OneCycleSchedule{.max_lr = 1.0, .total_steps = 10, .pct_start = 0.1}).lr(0), 1.0);
  const double one_step = Schedule(OneCycleSchedule{.max_lr = 1.0, .total_steps = 1}).lr(0);
  EXPECT_NEAR(one_step, 1.0 / 25 / 1e4, 1e-15);
  EXPECT_NEAR(Schedule(OneCycleSchedule{.max_lr = 1.0, .total_steps = 5, .pct_start = 1.0}).lr(4), 1.0, 1e-15);
}

TEST(Schedule, WarmsUpLinearlyAndThenStartsTheCurve) {
  const Schedule cosine = CosineSchedule{.base_lr = 0.8, .total_steps = 20};
  const Schedule warm = cosine.with_warmup(4, 0.25);
  EXPECT_NEAR(warm.lr(0), 0.2, 1e-15);
  EXPECT_NEAR(warm.lr(1), 0.35, 1e-15);
  EXPECT_NEAR(warm.lr(3), 0.65, 1e-15);
  for (std::int64_t step = 0; step < 30; ++step) EXPECT_EQ(warm.lr(4 + step), cosine.lr(step)) << step;
  EXPECT_EQ(cosine.with_warmup(0).lr(3), cosine.lr(3));
}

TEST(Schedule, NamesTheFieldThatIsWrong) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto error_of = [](auto schedule) { return error_text([&] { Schedule{schedule}; }); };
  EXPECT_EQ(error_of(ConstantSchedule{.base_lr = nan}),
            "ConstantSchedule: base_lr must be finite and not negative (base_lr nan)");
  EXPECT_EQ(error_of(StepSchedule{.base_lr = 1, .milestones = {5, 3}}),
            "StepSchedule: milestones must ascend (milestones [5, 3])");
  EXPECT_EQ(error_of(StepSchedule{.base_lr = 1, .milestones = {}, .gamma = 0}),
            "StepSchedule: gamma must be finite and positive (gamma 0)");
  EXPECT_EQ(error_text([] { StepSchedule::every(0, 10, 1.0); }),
            "StepSchedule: step_size must be positive (step_size 0)");
  EXPECT_EQ(error_of(CosineSchedule{.base_lr = -1, .total_steps = 5}),
            "CosineSchedule: base_lr must be finite and not negative (base_lr -1)");
  EXPECT_EQ(error_of(CosineSchedule{.base_lr = 1, .total_steps = 0}),
            "CosineSchedule: total_steps must be positive (total_steps 0)");
  EXPECT_EQ(error_of(OneCycleSchedule{.max_lr = 1, .total_steps = 5, .pct_start = 1.5}),
            "OneCycleSchedule: pct_start must be in [0, 1] (pct_start 1.5)");
  EXPECT_EQ(error_of(OneCycleSchedule{.max_lr = 1, .total_steps = 5, .div_factor = 0}),
            "OneCycleSchedule: div_factor must be finite and positive (div_factor 0)");
  const Schedule constant = ConstantSchedule{.base_lr = 1};
  EXPECT_EQ(error_text([&] { constant.lr(-1); }), "schedule: step must not be negative (step -1)");
  EXPECT_EQ(error_text([&] { constant.with_warmup(-1); }), "with_warmup: steps must not be negative (steps -1)");
  EXPECT_EQ(error_text([&] { constant.with_warmup(5, 0); }),
            "with_warmup: start_factor must be in (0, 1] (start_factor 0)");
  EXPECT_EQ(error_text([&] { constant.with_warmup(5).with_warmup(5); }),
            "with_warmup: the schedule has a warm-up already (of 5 steps)");
}

}  // namespace
}  // namespace octet
