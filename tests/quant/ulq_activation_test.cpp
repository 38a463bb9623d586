// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/ulq_activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/autograd/trace.h"
#include "support/array64.h"
#include "support/error_text.h"
#include "support/golden_vectors.h"
#include "support/reference_quant.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::random_tensor;

bool equal(const Clips& a, const Clips& b) { return a.max == b.max && a.min == b.min; }

TEST(UsableClips, KeepsClipsThatEncloseZero) {
  EXPECT_TRUE(equal(usable_clips({2.0F, -1.0F}, {9.0F, -9.0F}, false), {2.0F, -1.0F}));
  EXPECT_TRUE(equal(usable_clips({0.0F, -1.0F}, {9.0F, -9.0F}, false), {0.0F, -1.0F}));
}

TEST(UsableClips, FixedMinimumIsZero) {
  EXPECT_TRUE(equal(usable_clips({2.0F, -1.0F}, {9.0F, 0.0F}, true), {2.0F, 0.0F}));
}

TEST(UsableClips, OneOnTheWrongSideOfZeroFallsBack) {
  EXPECT_TRUE(equal(usable_clips({-0.5F, -2.0F}, {0.75F, -1.9F}, false), {0.75F, -2.0F}));
  EXPECT_TRUE(equal(usable_clips({2.0F, 0.5F}, {1.9F, -0.25F}, false), {2.0F, -0.25F}));
}

TEST(UsableClips, ClipsThatMeetOrCrossBothFallBack) {
  const Clips before{2.0F, -1.0F};
  for (const Clips now : {Clips{1.0F, 1.0F}, Clips{1e-8F, 0.0F}, Clips{-1.0F, 1.0F}, Clips{0.25F, 0.75F}})
    EXPECT_TRUE(equal(usable_clips(now, before, false), before)) << now.max << ' ' << now.min;
}

UlqGrid grid_of(float max, float min, int bits = 8) { return ulq_grid({max, min}, bits, Symmetry::kAsymmetric); }

TEST(UlqActivation, HasTheGradientsOfItsClosedForm) {
  Rng rng(1);
  for (const Shape& shape : {Shape{7}, Shape{3, 5}, Shape{2, 3, 5, 7}}) {
    for (const int bits : {8, 16}) {
      Tensor x = random_tensor(shape, rng), max = Tensor::scalar(1.1F), min = Tensor::scalar(-0.7F);
      for (Tensor* t : {&x, &max, &min}) t->set_requires_grad();
      const UlqGrid grid = grid_of(1.1F, -0.7F, bits);
      const Tensor y = ulq_activation("Test", x, max, min, grid), dy = random_tensor(shape, rng);
      y.backward(dy);
      const test::ReferenceUlq expected =
          test::reference_ulq({grid.grid.scale, grid.grid.offset, bits}, 1.1F, -0.7F, x.to_vector(), dy.to_vector());
      EXPECT_TRUE(test::equal_bits(y.to_vector(), expected.y));
      EXPECT_TRUE(test::equal_bits(x.grad().to_vector(), expected.dx));
      EXPECT_TRUE(test::near_sum(max.grad().item(), expected.clip_max.value, expected.clip_max.absolute, 1e-6));
      EXPECT_TRUE(test::near_sum(min.grad().item(), expected.clip_min.value, expected.clip_min.absolute, 1e-6));
    }
  }
}

TEST(UlqActivation, GivesEveryGradientAloneAsItDoesTogether) {
  Rng rng(2);
  const Tensor input = random_tensor({50}, rng), dy = random_tensor({50}, rng);
  std::vector<Tensor> together;
  for (const std::vector<bool>& needs :
       {std::vector<bool>{true, true, true}, {true, false, false}, {false, true, false}, {false, false, true}}) {
    std::vector<Tensor> leaves = {input.clone(), Tensor::scalar(0.8F), Tensor::scalar(-0.9F)};
    for (std::size_t i = 0; i < 3; ++i) leaves[i].set_requires_grad(needs[i]);
    ulq_activation("Test", leaves[0], leaves[1], leaves[2], grid_of(0.8F, -0.9F)).backward(dy);
    for (std::size_t i = 0; i < 3; ++i) {
      if (together.size() < 3) together.push_back(leaves[i].grad());
      EXPECT_EQ(leaves[i].grad().defined(), needs[i]);
      EXPECT_TRUE(!needs[i] || test::same_bits(leaves[i].grad(), together[i])) << "input " << i;
    }
  }
}

TEST(UlqActivation, LeavesOutAClipThatIsNotLearned) {
  Rng rng(3);
  Tensor x = random_tensor({9}, rng), max = Tensor::scalar(1.0F);
  x.set_requires_grad();
  max.set_requires_grad();
  ulq_activation("Test", x, max, Tensor(), grid_of(1.0F, 0.0F)).backward(random_tensor({9}, rng));
  EXPECT_TRUE(max.grad().defined());
}

TEST(UlqActivation, TellsTheTraceItsGrid) {
  const NoGrad no_grad;
  Tensor x = Tensor::full({4}, 0.5F), max = Tensor::scalar(254.0F), min = Tensor::scalar(-1.0F);
  TraceRecorder recorder({&x, 1}, {});
  const Tensor y = ulq_activation("Test", x, max, min, grid_of(254.0F, -1.0F));
  const Graph graph = recorder.finish({&y, 1});
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.nodes[0].op, "ulq_activation");
  EXPECT_EQ(std::get<double>(graph.nodes[0].attributes.at("scale")), 1.0);
  EXPECT_EQ(std::get<std::int64_t>(graph.nodes[0].attributes.at("offset")), -127);
  EXPECT_EQ(std::get<std::int64_t>(graph.nodes[0].attributes.at("bits")), 8);
}

TEST(UlqActivation, RefusesInputThatIsNotFinite) {
  Tensor x = Tensor::zeros({2, 3});
  x.mutable_values()[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_text([&] { ulq_activation("Conv2dQAT", x, Tensor(), Tensor(), grid_of(1.0F, -1.0F)); }),
            "Conv2dQAT: the input has values that are not finite (x [2, 3])");
}

TEST(UlqActivation, SameBitsOnAnyNumberOfThreads) {
  Rng rng(4);
  const Tensor input = random_tensor({4, 16, 60, 60}, rng), dy = random_tensor({4, 16, 60, 60}, rng);
  test::expect_same_bits_on_any_number_of_threads([&] {
    Tensor x = input.clone(), max = Tensor::scalar(1.3F), min = Tensor::scalar(-0.6F);
    for (Tensor* t : {&x, &max, &min}) t->set_requires_grad();
    const Tensor y = ulq_activation("Test", x, max, min, grid_of(1.3F, -0.6F));
    y.backward(dy);
    return std::vector<Tensor>{y.detach(), x.grad(), max.grad(), min.grad()};
  });
}

}  // namespace
}  // namespace octet
