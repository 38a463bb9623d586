// SPDX-License-Identifier: Apache-2.0
// Every op is all or nothing: where memory runs out, nothing has happened, and the same call gives the same later.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "octet/autograd/integers.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/kernels/core/parallel.h"
#include "support/failing_memory.h"

namespace octet {
namespace {

using test::fail_each_allocation;

Tensor random(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& v : values) v = rng.normal();
  return shape.size() == 4 ? Tensor::from_nhwc(shape, values) : Tensor::from_values(shape, values);
}

Tensor random_weight(const Shape& shape, std::uint64_t seed) {
  const std::vector<float> values = random({element_count(shape)}, seed).to_vector();
  return Tensor::from_values(shape, values).set_requires_grad();
}

class OutOfMemory : public testing::Test {
 protected:
  OutOfMemory() : before_(kernels::num_threads()) { kernels::set_num_threads(1); }  // the n-th is then always the same
  ~OutOfMemory() override { kernels::set_num_threads(before_); }

 private:
  int before_;
};

TEST_F(OutOfMemory, LeavesValuesThatAreStillToBeComputed) {
  const Tensor x = random({2, 3, 5, 5}, 1), z = random({2, 3, 5, 5}, 2), none;
  const std::vector<std::function<Tensor()>> makers = {
      [&] { return relu(batch_norm(x, none, none, none, none, {.training = true}) + z); },
      [&] {
        return quantize_activation("q", x, none, none,
                                   {.grid = {.scale = 0.02F, .offset = 0.0F, .low = -128.0F, .high = 127.0F},
                                    .clip_max = 2.54F,
                                    .clip_min = -2.56F},
                                   Readers::kOne);
      }};
  for (const auto& make : makers) {
    const std::vector<float> expected = make().to_vector();
    const Tensor y = make();
    const std::int64_t failures = fail_each_allocation([&] { y.values(); }, [&](std::int64_t) {});
    EXPECT_GE(failures, 1);
    EXPECT_EQ(y.to_vector(), expected);
  }
}

TEST_F(OutOfMemory, LeavesRunningStatisticsAlone) {
  const Tensor x = random({2, 3, 5, 5}, 1), none, mean = Tensor::zeros({3}), variance = Tensor::full({3}, 1.0F);
  const std::vector<float> old_mean = mean.to_vector(), old_variance = variance.to_vector();
  const std::int64_t failures =
      fail_each_allocation([&] { batch_norm(relu(x), none, none, mean, variance, {.training = true}); },
                           [&](std::int64_t n) {
                             EXPECT_EQ(mean.to_vector(), old_mean) << "allocation " << n;
                             EXPECT_EQ(variance.to_vector(), old_variance) << "allocation " << n;
                           });
  EXPECT_GE(failures, 2);
  EXPECT_NE(mean.to_vector(), old_mean);
}

TEST_F(OutOfMemory, DrawsNoRandomNumber) {
  const Tensor x = random({2, 3, 5, 5}, 1);
  Rng rng(1);
  const std::int64_t failures =
      fail_each_allocation([&] { dropout(x, 0.5F, rng); }, [&](std::int64_t n) { EXPECT_EQ(rng.position(), 0U) << n; });
  EXPECT_GE(failures, 2);
  EXPECT_EQ(rng.position(), 1U);
}

TEST_F(OutOfMemory, LeavesGradientsAlone) {
  const Tensor x = random({2, 3, 8, 8}, 1), none;
  const Tensor w = random_weight({4, 3, 3, 3}, 2), v = random_weight({4, 4, 3, 3}, 3), gamma = random_weight({4}, 4);
  const Tensor parameters[] = {w, v, gamma};
  const auto loss = [&] {
    const Tensor y = relu(batch_norm(conv2d(x, w, none, {.padding = 1}), gamma, none, none, none, {.training = true}));
    return mean(conv2d(y, v, none, {.padding = 1}) * y + y);
  };
  loss().backward();
  std::vector<std::vector<float>> once;
  for (const Tensor& p : parameters) once.push_back(p.grad().to_vector());
  const std::int64_t failures = fail_each_allocation([&] { loss().backward(); },
                                                     [&](std::int64_t n) {
                                                       for (std::size_t i = 0; i < once.size(); ++i)
                                                         EXPECT_EQ(parameters[i].grad().to_vector(), once[i])
                                                             << "allocation " << n << ", parameter " << i;
                                                     });
  EXPECT_GE(failures, 10);
  for (std::size_t i = 0; i < once.size(); ++i)
    for (std::size_t k = 0; k < once[i].size(); ++k)
      EXPECT_EQ(parameters[i].grad().values()[k], 2 * once[i][k]);  // the last one succeeded
}

}  // namespace
}  // namespace octet
