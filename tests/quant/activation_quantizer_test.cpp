// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/activation_quantizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/array64.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::random_tensor;

struct Quantizer {
  std::int64_t initialised = 0;
  ActivationQuantizer quantize;
  explicit Quantizer(const RetrainDataConfig& config = {}) : quantize("Conv2dQAT", config, initialised) {}

  Tensor clip_max() const { return quantize.state().clip_max; }
  Tensor clip_min() const { return quantize.state().clip_min; }
  std::vector<float> values() const {
    const ActivationState& s = quantize.state();
    return {s.clip_max.item(),     s.clip_min.item(), s.clip_max_pre.item(),
            s.clip_min_pre.item(), s.scale.item(),    s.offset.item()};
  }
};

TEST(ActivationQuantizer, StartsWithConfiguredClipsAndFallsBackToThem) {
  Quantizer q({.clip_max = 2.0F});
  EXPECT_EQ(q.initialised, 1);
  EXPECT_EQ(q.clip_min().item(), -1.0F);
  q.clip_max().mutable_values()[0] = -5.0F;  // crosses clip_min before the first forward
  q.quantize(Tensor::zeros({3}), StateUse::kUpdate);
  EXPECT_EQ(q.clip_max().item(), 2.0F);
  EXPECT_EQ(q.clip_min().item(), -1.0F);
}

TEST(ActivationQuantizer, FindsClipsInTheFirstForwardsOfEitherMode) {
  Rng rng(1);
  Quantizer q({.batch_num = 2});
  const Tensor a = random_tensor({40}, rng), b = random_tensor({40}, rng);
  EXPECT_TRUE(q.quantize(a, StateUse::kUpdate).same_as(a)) << "not quantized yet";
  EXPECT_EQ(q.initialised, 0);
  EXPECT_EQ(q.quantize.state().scale.item(), 1.0F);
  EXPECT_TRUE(q.quantize(b, StateUse::kUpdate).same_as(b));
  EXPECT_EQ(q.initialised, 1);
  EXPECT_FALSE(q.quantize(b, StateUse::kUpdate).same_as(b));
  Ifmr ifmr(8);
  ifmr.add(a.values());
  ifmr.add(b.values());
  EXPECT_EQ(q.quantize.state().scale.item(), ifmr.search().scale);
}

TEST(ActivationQuantizer, KeepingChangesNothing) {
  Rng rng(2);
  Quantizer fresh;
  const Tensor x = random_tensor({40}, rng);
  const std::vector<float> before = fresh.values();
  EXPECT_TRUE(fresh.quantize(x, StateUse::kKeep).same_as(x));
  EXPECT_EQ(fresh.initialised, 0);
  EXPECT_EQ(fresh.values()[0], before[0]);

  Quantizer q({.clip_max = 2.0F});
  q.clip_max().mutable_values()[0] = -3.0F;  // would be restored
  const float scale = q.quantize.grid().grid.scale;
  q.quantize(x, StateUse::kKeep);
  EXPECT_EQ(q.clip_max().item(), -3.0F);
  EXPECT_TRUE(std::isnan(q.quantize.state().scale.item()));
  EXPECT_EQ(scale, 3.0F / 255.0F) << "it quantizes with what training would restore";
}

TEST(ActivationQuantizer, AFixedMinimumIsZeroAndLearnsNothing) {
  Rng rng(3);
  Quantizer q({.fixed_min = true, .clip_max = 2.0F, .clip_min = -1.5F});
  q.clip_max().set_requires_grad();
  q.clip_min().set_requires_grad();
  q.quantize(random_tensor({40}, rng), StateUse::kUpdate).backward(random_tensor({40}, rng));
  EXPECT_EQ(q.clip_min().item(), 0.0F);
  EXPECT_TRUE(q.clip_max().grad().defined());
  EXPECT_FALSE(q.clip_min().grad().defined());
  EXPECT_EQ(q.quantize.state().offset.item(), -128.0F);
}

TEST(ActivationQuantizer, TwoForwardsBeforeOneBackwardKeepTheirOwnClips) {
  Rng rng(4);
  const Tensor input = random_tensor({40}, rng), dy = random_tensor({40}, rng);
  const auto gradient = [&](bool second_forward) {
    Quantizer q({.clip_max = 2.0F});
    q.clip_max().set_requires_grad();
    const Tensor y = q.quantize(input, StateUse::kUpdate);
    if (second_forward) {
      q.clip_max().mutable_values()[0] = 0.5F;
      q.quantize(input, StateUse::kUpdate);
    }
    y.backward(dy);
    return q.clip_max().grad();
  };
  EXPECT_TRUE(test::same_bits(gradient(true), gradient(false)));
}

TEST(ActivationQuantizer, ErrorsNameTheLayerAndChangeNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  const Tensor bad = Tensor::from_values({3}, std::vector<float>{0.0F, infinity, 1.0F}), good = Tensor::zeros({3});
  const std::string not_finite = "Conv2dQAT: the input has values that are not finite (x [3])";
  Quantizer fresh;
  EXPECT_EQ(error_text([&] { fresh.quantize(bad, StateUse::kUpdate); }), not_finite);
  EXPECT_EQ(error_text([&] { fresh.quantize(Tensor::empty({0}), StateUse::kUpdate); }),
            "Conv2dQAT: the input is empty (x [0])");
  EXPECT_EQ(fresh.clip_max().item(), 1.0F);

  Quantizer q({.clip_max = 2.0F});
  q.quantize(good, StateUse::kUpdate);
  const std::vector<float> before = q.values();
  EXPECT_EQ(error_text([&] { q.quantize(bad, StateUse::kUpdate); }), not_finite);
  EXPECT_EQ(q.values(), before);
  q.clip_max().mutable_values()[0] = nan;
  EXPECT_EQ(
      error_text([&] { q.quantize(good, StateUse::kUpdate); }),
      "Conv2dQAT: acts_clip_max and acts_clip_min must be finite and so must their difference (acts_clip_max nan, "
      "acts_clip_min -1)");
}

}  // namespace
}  // namespace octet
