// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/base/error.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "support/array64.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::random_tensor;
using test::random_weight;
using testing::Each;
using testing::ElementsAre;

Tensor leaf(const Tensor& values) { return values.clone().set_requires_grad(); }
Tensor leaf(float value) { return Tensor::scalar(value).set_requires_grad(); }

// An op of the tests' own: y = factor * x, and `on_backward` runs with its backward.
Tensor scale(const Tensor& x, float factor, std::function<void()> on_backward = nullptr) {
  const auto multiply = [factor](const Tensor& from) {
    Tensor to = from.clone();
    for (float& v : to.mutable_values()) v *= factor;
    return to;
  };
  return record("scale", multiply(x), {x}, nullptr,
                [multiply, on_backward = std::move(on_backward)](const Tensor& dy, const NeedsGrad&) {
                  if (on_backward) on_backward();
                  return std::vector<Tensor>{multiply(dy)};
                });
}

std::int64_t live_bytes() { return kernels::memory_statistics().live_bytes; }

// ---- accumulation --------------------------------------------------------------------------------------------------

TEST(Backward, AddsUpEveryUseOfATensor) {
  const Tensor x = leaf(3);
  sum(mul(x, x)).backward();
  EXPECT_FLOAT_EQ(x.grad().item(), 6);

  const Tensor y = leaf(2);
  mul(mul(y, y), y).backward();
  EXPECT_FLOAT_EQ(y.grad().item(), 12);

  const Tensor z = leaf(5);
  add(z, add(z, z)).backward();
  EXPECT_FLOAT_EQ(z.grad().item(), 3);
}

TEST(Backward, VisitsADiamondOnce) {
  int visits = 0;
  const Tensor x = leaf(2);
  const Tensor top = scale(x, 3, [&] { ++visits; });
  const Tensor left = scale(top, 5), right = scale(scale(top, 7), 11);
  add(left, right).backward();
  EXPECT_EQ(visits, 1);
  EXPECT_FLOAT_EQ(x.grad().item(), 3 * (5 + 77));
}

TEST(Backward, PassesAChainOfDiamondsInLinearTime) {
  const Tensor x = leaf(1);
  Tensor y = x;
  for (int i = 0; i < 60; ++i) y = scale(add(y, y), 0.5F);  // 2^60 paths
  y.backward();
  EXPECT_FLOAT_EQ(x.grad().item(), 1);
}

TEST(Backward, AddsUpAnyNumberOfReaders) {
  constexpr int kReaders = 100'000;
  const Tensor x = leaf(1), shared = scale(x, 2);
  Tensor total = shared;
  for (int i = 1; i < kReaders; ++i) total = add(total, shared);
  total.backward();
  EXPECT_FLOAT_EQ(x.grad().item(), 2.0F * kReaders);
}

TEST(Backward, RunsReadersBeforeProducersWhateverTheirDepth) {
  std::vector<std::string> order;
  const Tensor x = leaf(1);
  const Tensor a = scale(x, 2, [&] { order.emplace_back("a"); });
  const Tensor b = scale(a, 3, [&] { order.emplace_back("b"); });
  const Tensor c = scale(x, 5, [&] { order.emplace_back("c"); });
  const Tensor d = scale(a, 7, [&] { order.emplace_back("d"); });
  add(add(b, c), d).backward();
  EXPECT_THAT(order, ElementsAre("d", "c", "b", "a"));
  EXPECT_FLOAT_EQ(x.grad().item(), 2 * 3 + 5 + 2 * 7);
}

TEST(Backward, LeafGradientsAddUpOverCalls) {
  const Tensor x = leaf(Tensor::full({3}, 2));
  sum(mul(x, x)).backward();
  EXPECT_THAT(x.grad().values(), Each(4));
  sum(scale(x, 10)).backward();
  EXPECT_THAT(x.grad().values(), Each(14));
}

TEST(Backward, StartsFromAnyShapeWithAGivenGradient) {
  const Tensor x = leaf(Tensor::full({2}, 1));
  scale(x, 3).backward(Tensor::from_values({2}, std::vector<float>{1, 10}));
  EXPECT_THAT(x.grad().values(), ElementsAre(3, 30));
}

TEST(Backward, OfALeafIsTheGivenGradient) {
  const Tensor x = leaf(2);
  x.backward();
  EXPECT_EQ(x.grad().item(), 1);
}

// Optimizers and clipping scale gradients in place: what they write to one must not show in another.
TEST(Backward, LeafGradientsShareNoMemory) {
  const Tensor a = leaf(Tensor::full({2}, 1)), b = leaf(Tensor::full({2}, 1)), given = Tensor::full({2}, 1);
  add(a, b).backward(given);
  a.grad().mutable_values()[0] = 9;
  EXPECT_THAT(b.grad().values(), ElementsAre(1, 1));
  EXPECT_THAT(given.values(), ElementsAre(1, 1));

  const Tensor c = leaf(Tensor::full({2}, 1));
  c.backward(given);
  c.grad().mutable_values()[0] = 9;
  EXPECT_THAT(given.values(), ElementsAre(1, 1));
}

TEST(Backward, LeavesNoGradientWhereNoneIsNeeded) {
  const Tensor x = leaf(2), frozen = Tensor::scalar(3), unused = leaf(1);
  NeedsGrad asked;
  const Tensor y =
      record("product", Tensor::scalar(6), {x, frozen, Tensor()}, nullptr, [&](const Tensor&, const NeedsGrad& needs) {
        asked = needs;
        return std::vector<Tensor>{Tensor::scalar(3), Tensor(), Tensor()};
      });
  y.backward();
  EXPECT_THAT(asked, ElementsAre(true, false, false));
  EXPECT_EQ(x.grad().item(), 3);
  EXPECT_FALSE(frozen.grad().defined());
  EXPECT_FALSE(unused.grad().defined());
  EXPECT_FALSE(y.grad().defined());
}

TEST(Backward, StopsAtDetachedTensors) {
  const Tensor x = leaf(2);
  const Tensor inner = scale(x, 5);
  mul(inner.detach(), scale(x, 3)).backward();
  EXPECT_FLOAT_EQ(x.grad().item(), 30);
}

// ---- long tapes ----------------------------------------------------------------------------------------------------

class LongTape : public testing::TestWithParam<int> {};

TEST_P(LongTape, IsWalkedAndDestroyedWithoutRecursion) {
  const Tensor x = leaf(1);
  Tensor y = x;
  for (int i = 0; i < GetParam(); ++i) y = i % 2 ? relu(y) : add(y, x);
  y.backward();
  EXPECT_FLOAT_EQ(x.grad().item(), static_cast<float>(GetParam() / 2 + 1));
}

TEST_P(LongTape, IsDestroyedWithoutRecursionWhenNeverWalked) {
  const std::int64_t before = live_bytes();
  {
    const Tensor x = leaf(1);
    Tensor y = x;
    for (int i = 0; i < GetParam(); ++i) y = sigmoid(y);
  }
  EXPECT_EQ(live_bytes(), before);
}

TEST_P(LongTape, OfFusedOpsIsComputedWithoutRecursion) {
  const Tensor x = leaf(Tensor::full({2, 1}, 1)), mean = Tensor::zeros({1}), variance = Tensor::full({1}, 1);
  const auto chain = [&] {
    Tensor y = x;
    for (int i = 0; i < GetParam(); ++i) y = add(relu(batch_norm(y, {}, {}, mean, variance, {.eps = 0})), x);
    return y;
  };
  EXPECT_FLOAT_EQ(chain().values()[0], static_cast<float>(GetParam() + 1));
  const NoGrad no_grad;
  Tensor y = x;
  for (int i = 0; i < GetParam(); ++i) y = batch_norm(y, {}, {}, mean, variance, {.eps = 0});
  EXPECT_FLOAT_EQ(y.values()[0], 1);
}

INSTANTIATE_TEST_SUITE_P(Ops, LongTape, testing::Values(10'000, 100'000));

// ---- one use -------------------------------------------------------------------------------------------------------

TEST(Backward, RefusesToRunTwice) {
  const Tensor x = leaf(2);
  const Tensor y = scale(x, 3);
  y.backward();
  EXPECT_EQ(error_text([&] { y.backward(); }), "scale: backward has already run through this op and freed it");
  EXPECT_EQ(error_text([&] { scale(y, 2).backward(); }),
            "scale: backward has already run through this op and freed it");
  EXPECT_EQ(x.grad().item(), 3);
}

TEST(Backward, RefusesWhatHasNoGradient) {
  const Tensor x = leaf(Tensor::zeros({2, 1, 1, 2}));
  EXPECT_EQ(error_text([&] { x.backward(); }),
            "backward: the loss must have one element, got shape [2, 1, 1, 2] (give a gradient for other shapes)");
  EXPECT_EQ(error_text([&] { Tensor::scalar(1).backward(); }),
            "backward: nothing that this tensor comes from requires a gradient");
  EXPECT_EQ(error_text([&] { x.backward(Tensor::zeros({4})); }),
            "backward: the gradient's shape must be [2, 1, 1, 2], got [4]");
  EXPECT_EQ(error_text([&] { x.backward(Tensor()); }), "backward: the gradient is undefined");
  EXPECT_EQ(error_text([&] {
              x.backward(Tensor::zeros({2, 1, 1, 2}, Layout::kRowMajor));
            }),
            "backward: the gradient must lie in memory as the tensor does (row-major or channels-last)");
}

TEST(Backward, SaysWhichOpReturnedAWrongGradient) {
  const Tensor x = leaf(Tensor::zeros({2}));
  const auto run = [&](std::vector<Tensor> returned) {
    return error_text([&] {
      record("odd", Tensor::scalar(0), {x}, nullptr, [&](const Tensor&, const NeedsGrad&) {
        return returned;
      }).backward();
    });
  };
  EXPECT_EQ(run({}), "odd: backward returned 0 gradients for 1 inputs");
  const std::string expected = "odd: backward returned no gradient of shape [2] and equal layout for input 0";
  EXPECT_EQ(run({Tensor()}), expected);
  EXPECT_EQ(run({Tensor::zeros({3})}), expected);
}

// ---- NoGrad --------------------------------------------------------------------------------------------------------

TEST(NoGrad, KeepsOpsOffTheTape) {
  const Tensor x = leaf(2);
  EXPECT_TRUE(grad_enabled());
  {
    const NoGrad outer;
    EXPECT_FALSE(grad_enabled());
    { const NoGrad inner; }
    EXPECT_FALSE(grad_enabled());
    EXPECT_FALSE(scale(x, 3).requires_grad());
  }
  EXPECT_TRUE(grad_enabled());
  EXPECT_TRUE(scale(x, 3).requires_grad());
}

TEST(NoGrad, IsLiftedByAnException) {
  EXPECT_THROW(
      {
        const NoGrad no_grad;
        fail("away");
      },
      Error);
  EXPECT_TRUE(grad_enabled());
}

TEST(NoGrad, HoldsForItsThreadOnly) {
  const NoGrad no_grad;
  bool elsewhere = false;
  std::thread([&] { elsewhere = grad_enabled(); }).join();
  EXPECT_TRUE(elsewhere);
  EXPECT_FALSE(grad_enabled());
}

TEST(NoGrad, BackwardRecordsNothing) {
  const Tensor x = leaf(2);
  bool enabled = true;
  scale(x, 3, [&] { enabled = grad_enabled(); }).backward();
  EXPECT_FALSE(enabled);
  EXPECT_FALSE(x.grad().requires_grad());
  EXPECT_TRUE(grad_enabled());
}

// ---- memory --------------------------------------------------------------------------------------------------------

constexpr std::int64_t kValues = 1 << 16;
constexpr std::int64_t kBytes = kValues * static_cast<std::int64_t>(sizeof(float));

TEST(TapeMemory, OpsThatNeedNoGradientKeepNothing) {
  const Tensor x = Tensor::zeros({kValues});
  const std::int64_t before = live_bytes();
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = sigmoid(y);
  EXPECT_LE(live_bytes() - before, kBytes);
}

TEST(TapeMemory, IsFreedAsBackwardGoes) {
  const Tensor x = leaf(Tensor::zeros({kValues}));
  const std::int64_t before = live_bytes();
  std::int64_t at_oldest = 0;
  Tensor y = scale(x, 2, [&] { at_oldest = live_bytes() - before; });
  for (int i = 0; i < 20; ++i) y = sigmoid(y);
  const Tensor loss = sum(y);
  y = Tensor();
  EXPECT_GE(live_bytes() - before, 20 * kBytes);
  loss.backward();
  EXPECT_LE(at_oldest, 4 * kBytes) << "the gradient on its way, the oldest result, and no other";
  EXPECT_LE(live_bytes() - before, kBytes + 1024) << "the leaf's gradient and the loss";
}

TEST(TapeMemory, ManyReadersDoNotKeepTheirGradients) {
  const Tensor x = leaf(Tensor::zeros({kValues}));
  const std::int64_t before = live_bytes();
  std::int64_t at_end = 0;
  const Tensor shared = scale(x, 2, [&] { at_end = live_bytes() - before; });
  Tensor total = shared;
  for (int i = 0; i < 20; ++i) total = add(total, scale(shared, 3));
  total.backward(Tensor::zeros({kValues}));
  EXPECT_LE(at_end, 8 * kBytes);
}

// Loops over per-channel data walk in steps of the channels; a vector is not one row of very many channels.
TEST(TapeMemory, LongVectorsNeedNoPadding) {
  const Tensor x = leaf(Tensor::zeros({kValues - 1}));
  kernels::release_cached_memory();
  const std::int64_t before = kernels::memory_statistics().cached_bytes + live_bytes();
  sum(relu(x) + x).backward();
  EXPECT_LE(kernels::memory_statistics().cached_bytes + live_bytes() - before, 10 * kBytes);
}

TEST(TapeMemory, AWarmStepAsksTheSystemForNothing) {
  const int threads = kernels::num_threads();
  kernels::set_num_threads(1);  // with more, how many scratchpads live at once is up to the scheduler
  Rng rng(3);
  const Tensor w1 = leaf(random_weight({16, 3, 3, 3}, rng)), w2 = leaf(random_weight({16, 16, 3, 3}, rng));
  const Tensor gamma = leaf(Tensor::full({16}, 1)), beta = leaf(Tensor::zeros({16}));
  const Tensor w3 = leaf(random_weight({10, 16}, rng)), bias = leaf(Tensor::zeros({10}));
  const Tensor mean = Tensor::zeros({16}), variance = Tensor::full({16}, 1);
  const std::vector<std::int64_t> labels = {1, 2, 3, 4, 5};
  const auto step = [&] {
    const Tensor x = random_tensor({5, 3, 12, 12}, rng);
    const Tensor y =
        relu(batch_norm(conv2d(x, w1, {}, {.padding = 1}), gamma, beta, mean, variance, {.training = true}));
    const Tensor z =
        relu(batch_norm(conv2d(y, w2, {}, {.padding = 1}), gamma, beta, mean, variance, {.training = true}) + y);
    cross_entropy(linear(flatten(adaptive_avg_pool2d(z, 1)), w3, bias), labels).backward();
    for (Tensor w : {w1, w2, gamma, beta, w3, bias}) w.zero_grad();
  };
  for (int i = 0; i < 3; ++i) step();
  const kernels::MemoryStatistics warm = kernels::memory_statistics();
  for (int i = 0; i < 5; ++i) step();
  const kernels::MemoryStatistics later = kernels::memory_statistics();
  EXPECT_EQ(later.system_allocations, warm.system_allocations);
  EXPECT_EQ(later.live_bytes, warm.live_bytes);
  EXPECT_EQ(later.peak_bytes, warm.peak_bytes);
  kernels::set_num_threads(threads);
}

}  // namespace
}  // namespace octet
