// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "octet/deploy/plan.h"
#include "octet/deploy/program.h"
#include "support/dice.h"
#include "support/random_graph.h"

namespace octet::deploy {
namespace {

Program random_program(std::uint64_t seed, std::int64_t batch) {
  Program program = lower(test::random_graph(seed, batch));
  fuse(program);
  return program;
}

std::vector<float> output_of(const Program& program, const std::vector<float>& x) {
  SharedConstants shared;
  const Plan plan(program, shared);
  std::vector<float> y(static_cast<std::size_t>(element_count(plan.output_shape())));
  plan.run(x.data(), y.data());
  plan.run(x.data(), y.data());  // nothing of a run may be missed by the next
  return y;
}

bool has_float_weights(const Program& program) {
  return std::ranges::any_of(program.steps, [](const Step& step) {
    const Computation* const computation = std::get_if<Computation>(&step.work);
    return computation && computation->for_whole_batch;
  });
}

TEST(Slices, GiveTheBitsOfTheWholeBatchWhereverTheyEnd) {
  constexpr std::int64_t kBatch = 6;
  test::Dice dice(1);
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Program whole = random_program(seed, kBatch);
    if (has_float_weights(whole)) continue;  // another batch may sum in another order
    const std::vector<float> x = test::random_input(test::random_graph(seed, kBatch), seed);
    const std::vector<float> expected = output_of(whole, x);
    for (const std::int64_t inputs : {1, 2, 3}) {
      const auto steps = static_cast<std::size_t>(dice.between(1, std::ssize(whole.steps)));
      const Program sliced = in_slices(whole, random_program(seed, inputs), {steps, inputs}, kBatch);
      if (sliced.slices == 1) continue;
      EXPECT_EQ(output_of(sliced, x), expected)
          << "seed " << seed << ", " << steps << " steps, " << inputs << " inputs";
      ++compared;
    }
  }
  EXPECT_GT(compared, 60);
}

// A program of which nothing but sizes matters.
Program steps_of(std::int64_t batch,
                 const std::vector<std::pair<std::int64_t, std::int64_t>>& activations_and_weights) {
  Program program;
  program.tensors.push_back({{batch, 1}, true, 0});
  for (const auto& [activations, weights] : activations_and_weights) {
    Int8Conv conv;
    conv.weights = std::make_shared<std::vector<std::int8_t>>(weights);
    const int at = static_cast<int>(program.tensors.size());
    program.tensors.push_back({{batch, activations}, true, at});
    program.steps.push_back({"", "", std::move(conv), {{at - 1, {}}}, -1, at});
  }
  program.output = static_cast<int>(program.tensors.size()) - 1;
  return program;
}

TEST(Slices, EndWhereWeightsAreMoreThanActivations) {
  const Program program = steps_of(32, {{400'000, 100}, {400'000, 100}, {1000, 900'000}, {1000, 100}});
  const Slicing one = choose_slicing(program, 32, 1);
  EXPECT_EQ(one.steps, 2U);
  EXPECT_EQ(one.inputs, 1);
  EXPECT_EQ(choose_slicing(program, 32, 2).inputs, 2);
  EXPECT_EQ(choose_slicing(program, 32, 100).inputs, 32);
}

TEST(Slices, AreOfOneSizeAndNotMuchSmallerThanWanted) {
  for (const auto& [batch, inputs] : {std::pair(40, 5), {36, 4}, {33, 3}, {34, 34}, {31, 31}, {4, 4}})
    EXPECT_EQ(choose_slicing(steps_of(batch, {{200'000, 1}}), batch, 1).inputs, inputs) << batch;
}

TEST(Slices, AreRefusedWhereInputsMeet) {
  Program whole = steps_of(4, {{8, 1}}), slice = steps_of(2, {{8, 1}});
  EXPECT_EQ(in_slices(whole, slice, {1, 2}, 4).slices, 2);
  whole.tensors[1].shape = {2, 16};
  EXPECT_EQ(in_slices(whole, slice, {1, 2}, 4).slices, 1);
}

}  // namespace
}  // namespace octet::deploy
