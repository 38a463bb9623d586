// SPDX-License-Identifier: Apache-2.0
// Combinations of batch_norm, add and relu. Each is written once, and computed three ways: by the ops as they are,
// which then fuse as they see fit; with every result read at once, so that nothing can fuse; and in double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "support/error_text.h"
#include "support/gradient_check.h"
#include "support/reference_norm.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::Array64;
using test::random_tensor;

constexpr double kEps = 1e-5F;

/// The ops under test.
struct Ops {
  using Value = Tensor;
  bool training = true;
  bool read_at_once = false;

  Tensor bn(const Tensor& x, const Tensor& gamma, const Tensor& beta) const {
    const Tensor mean = Tensor::full(gamma.shape(), 0.25F), variance = Tensor::full(gamma.shape(), 1.5F);
    return read(batch_norm(x, gamma, beta, mean, variance, {.training = training}));
  }
  Tensor relu(const Tensor& x) const { return read(octet::relu(x)); }
  Tensor add(const Tensor& a, const Tensor& b) const { return read(octet::add(a, b)); }
  Tensor mul(const Tensor& a, const Tensor& b) const { return read(octet::mul(a, b)); }
  Tensor sigmoid(const Tensor& x) const { return read(octet::sigmoid(x)); }
  Tensor look_at(const Tensor& x) const { return x.values(), x; }
  Tensor read(Tensor y) const {
    if (read_at_once) y.values();
    return y;
  }
};

/// The same in double; remembers how close a relu came to its kink.
struct References {
  using Value = Array64;
  bool training = true;
  double* closest;

  Array64 bn(const Array64& x, const Array64& gamma, const Array64& beta) const {
    if (training) return test::batch_norm_train_reference({x, gamma, beta}, kEps);
    Array64 mean = gamma, variance = gamma;
    std::ranges::fill(mean.values, 0.25);
    std::ranges::fill(variance.values, 1.5);
    return test::batch_norm_eval_reference({x, gamma, beta}, mean, variance, kEps);
  }
  Array64 relu(const Array64& x) const {
    *closest = std::min(*closest, test::distance_to_kink(x));
    return test::relu_reference(x);
  }
  Array64 add(const Array64& a, const Array64& b) const { return test::add_reference(a, b); }
  Array64 mul(Array64 a, const Array64& b) const {
    for (std::int64_t i = 0; i < a.size(); ++i) a[i] *= b[i];
    return a;
  }
  Array64 sigmoid(const Array64& x) const { return test::sigmoid_reference(x); }
  Array64 look_at(const Array64& x) const { return x; }
};

/// The inputs of a combination: two activations and the parameters of two batch norms.
template <typename Value>
struct Inputs {
  const Value &x, &z, &g1, &b1, &g2, &b2;
  explicit Inputs(const std::vector<Value>& in) : x(in[0]), z(in[1]), g1(in[2]), b1(in[3]), g2(in[4]), b2(in[5]) {}
};

/// What of a combination has the same bits whether it fuses or not. A result that is fused and read elsewhere, too,
/// gets one gradient through each: two are computed and added where separate ops would add first.
enum class SameBits { kValuesAndGradients, kValues };

struct Combination {
  std::string name;
  SameBits same_bits;
  std::function<Tensor(const Ops&, const std::vector<Tensor>&)> ops;
  std::function<Array64(const References&, const std::vector<Array64>&)> reference;
};

template <typename F>
Combination combination(const std::string& name, const F& f, SameBits same_bits = SameBits::kValuesAndGradients) {
  return {name, same_bits, [f](const Ops& o, const std::vector<Tensor>& in) { return f(o, Inputs<Tensor>(in)); },
          [f](const References& o, const std::vector<Array64>& in) { return f(o, Inputs<Array64>(in)); }};
}

std::vector<Combination> combinations() {
  return {
      combination("Relu", [](auto& o, auto in) { return o.relu(in.x); }),
      combination("Add", [](auto& o, auto in) { return o.add(in.x, in.z); }),
      combination("ReluOfAdd", [](auto& o, auto in) { return o.relu(o.add(in.x, in.z)); }),
      combination("AddToItself", [](auto& o, auto in) { return o.add(in.x, in.x); }),
      combination("ReluOfNorm", [](auto& o, auto in) { return o.relu(o.bn(in.x, in.g1, in.b1)); }),
      combination("NormPlusResidual", [](auto& o, auto in) { return o.add(o.bn(in.x, in.g1, in.b1), in.z); }),
      combination("ResidualPlusNorm", [](auto& o, auto in) { return o.add(in.z, o.bn(in.x, in.g1, in.b1)); }),
      combination("ReluOfNormPlusResidual",
                  [](auto& o, auto in) { return o.relu(o.add(o.bn(in.x, in.g1, in.b1), in.z)); }),
      combination("ReluOfResidualPlusNorm",
                  [](auto& o, auto in) { return o.relu(o.add(in.z, o.bn(in.x, in.g1, in.b1))); }),
      combination("NormPlusNorm",
                  [](auto& o, auto in) { return o.add(o.bn(in.x, in.g1, in.b1), o.bn(in.z, in.g2, in.b2)); }),
      combination("ReluOfNormPlusNorm",
                  [](auto& o, auto in) { return o.relu(o.add(o.bn(in.x, in.g1, in.b1), o.bn(in.z, in.g2, in.b2))); }),
      combination("ReluOfNormPlusItsInput",
                  [](auto& o, auto in) { return o.relu(o.add(o.bn(in.x, in.g1, in.b1), in.x)); }),
      combination("ReluOfNormPlusItself",
                  [](auto& o, auto in) {
                    const auto n = o.bn(in.x, in.g1, in.b1);
                    return o.relu(o.add(n, n));
                  }),
      // intermediate results that somebody else uses, too
      combination(
          "NormUsedTwice",
          [](auto& o, auto in) {
            const auto n = o.bn(in.x, in.g1, in.b1);
            const auto first = o.relu(n);
            return o.add(first, o.sigmoid(n));
          },
          SameBits::kValues),
      combination("NormUsedTwiceOtherUseFirst",
                  [](auto& o, auto in) {
                    const auto n = o.bn(in.x, in.g1, in.b1);
                    const auto first = o.sigmoid(n);
                    return o.mul(o.relu(o.add(n, in.z)), first);
                  }),
      combination(
          "NormFusedTwice",
          [](auto& o, auto in) {
            const auto n = o.bn(in.x, in.g1, in.b1);
            return o.mul(o.relu(n), o.relu(o.add(n, in.z)));
          },
          SameBits::kValues),
      combination(
          "SumUsedTwice",
          [](auto& o, auto in) {
            const auto s = o.add(o.bn(in.x, in.g1, in.b1), in.z);
            return o.add(o.relu(s), s);
          },
          SameBits::kValues),
      combination(
          "SumOfNormsUsedThrice",
          [](auto& o, auto in) {
            const auto s = o.add(o.bn(in.x, in.g1, in.b1), o.bn(in.z, in.g2, in.b2));
            const auto first = o.relu(s);
            return o.mul(o.add(first, s), o.sigmoid(s));
          },
          SameBits::kValues),
      combination("NormReadBetween",
                  [](auto& o, auto in) { return o.relu(o.add(o.look_at(o.bn(in.x, in.g1, in.b1)), in.z)); }),
      combination("SumReadBetween",
                  [](auto& o, auto in) { return o.relu(o.look_at(o.add(o.bn(in.x, in.g1, in.b1), in.z))); }),
      // two gradients arrive at a fused result
      combination("ReluOfNormWithTwoReaders",
                  [](auto& o, auto in) {
                    const auto y = o.relu(o.bn(in.x, in.g1, in.b1));
                    return o.add(o.sigmoid(y), o.mul(y, y));
                  }),
      combination("ReluOfSumWithTwoReaders",
                  [](auto& o, auto in) {
                    const auto y = o.relu(o.add(o.bn(in.x, in.g1, in.b1), in.z));
                    return o.mul(o.sigmoid(y), y);
                  }),
      combination("ReluOfNormsWithTwoReaders",
                  [](auto& o, auto in) {
                    const auto y = o.relu(o.add(o.bn(in.x, in.g1, in.b1), o.bn(in.z, in.g2, in.b2)));
                    return o.mul(o.sigmoid(y), y);
                  }),
      combination("SumWithThreeReaders",
                  [](auto& o, auto in) {
                    const auto s = o.add(in.x, in.z);
                    return o.add(o.add(o.sigmoid(s), o.mul(s, s)), s);
                  }),
      // longer chains
      combination("ReluOfReluOfNorm", [](auto& o, auto in) { return o.relu(o.relu(o.bn(in.x, in.g1, in.b1))); }),
      combination("NormOfNorm",
                  [](auto& o, auto in) { return o.bn(o.sigmoid(o.bn(in.x, in.g1, in.b1)), in.g2, in.b2); }),
      combination("ThreeTerms",
                  [](auto& o, auto in) {
                    return o.relu(o.add(o.add(o.bn(in.x, in.g1, in.b1), in.z), o.bn(in.z, in.g2, in.b2)));
                  }),
      combination("TwoResidualBlocks",
                  [](auto& o, auto in) {
                    const auto y = o.relu(o.add(o.bn(in.x, in.g1, in.b1), in.z));
                    return o.relu(o.add(o.bn(o.sigmoid(y), in.g2, in.b2), y));
                  }),
  };
}

struct FusedCase {
  Combination combination;
  bool training;
};

std::vector<FusedCase> fused_cases() {
  std::vector<FusedCase> cases;
  for (const Combination& c : combinations())
    for (const bool training : {true, false}) cases.push_back({c, training});
  return cases;
}

void PrintTo(const FusedCase& c, std::ostream* out) { *out << c.combination.name; }

class FusedCases : public testing::TestWithParam<FusedCase> {
 protected:
  Ops ops(bool read_at_once = false) const { return {GetParam().training, read_at_once}; }
  std::function<Tensor(const std::vector<Tensor>&)> run(bool read_at_once = false) const {
    return [this, o = ops(read_at_once)](const auto& in) { return GetParam().combination.ops(o, in); };
  }

  std::vector<Tensor> random_inputs(const Shape& shape, std::uint64_t seed) const {
    Rng rng(seed);
    const Shape channels = {shape[1]};
    return {random_tensor(shape, rng, 0.3F),       random_tensor(shape, rng, -0.2F),
            random_tensor(channels, rng, 1, 0.3F), random_tensor(channels, rng),
            random_tensor(channels, rng, 1, 0.3F), random_tensor(channels, rng)};
  }

  // Random inputs for which no relu comes close to its kink.
  std::vector<Tensor> smooth_inputs(const Shape& shape) const {
    for (std::uint64_t seed = 31;; ++seed) {
      std::vector<Tensor> inputs = random_inputs(shape, seed);
      std::vector<Array64> inputs64;
      for (const Tensor& t : inputs) inputs64.push_back(test::to_array64(t));
      double closest = INFINITY;
      GetParam().combination.reference({GetParam().training, &closest}, inputs64);
      if (closest > 2e-4) return inputs;
    }
  }

  // Which inputs the combination uses: the others get no gradient.
  std::vector<bool> used_inputs(const std::vector<Tensor>& inputs) const {
    std::vector<Tensor> leaves;
    for (const Tensor& t : inputs) leaves.push_back(t.clone().set_requires_grad());
    const Tensor y = run()(leaves);
    y.backward(Tensor::zeros(y.shape()));
    std::vector<bool> used;
    for (const Tensor& t : leaves) used.push_back(t.grad().defined());
    return used;
  }
};

TEST_P(FusedCases, AgreeWithTheReference) {
  double closest = INFINITY;
  const References o{GetParam().training, &closest};
  // Which inputs want gradients decides where those of a result that is read twice meet.
  const bool gradients_add_in_one_order = GetParam().combination.same_bits == SameBits::kValuesAndGradients;
  for (const Shape& shape : {Shape{2, 3, 3, 4}, Shape{3, 17, 2, 3}, Shape{7, 5}}) {
    const std::vector<Tensor> inputs = smooth_inputs(shape);
    EXPECT_TRUE(test::check_op(run(), [&](const auto& in) { return GetParam().combination.reference(o, in); }, inputs,
                               {.needs_grad = used_inputs(inputs), .same_bits_alone = gradients_add_in_one_order}))
        << text(shape);
  }
}

std::vector<Tensor> values_and_gradients(const test::Op& op, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> leaves;
  for (const Tensor& t : inputs) leaves.push_back(t.clone().set_requires_grad());
  const Tensor y = op(leaves);
  Rng rng(32);
  y.backward(random_tensor(y.shape(), rng));
  std::vector<Tensor> results = {y.detach()};
  for (const Tensor& t : leaves) results.push_back(t.grad());
  return results;
}

TEST_P(FusedCases, HaveTheBitsOfTheSeparateOps) {
  for (const Shape& shape : {Shape{2, 3, 3, 4}, Shape{5, 64, 17, 9}, Shape{33, 130}}) {
    const std::vector<Tensor> inputs = random_inputs(shape, 33);
    const std::vector<Tensor> fused = values_and_gradients(run(), inputs);
    const std::vector<Tensor> separate = values_and_gradients(run(/*read_at_once=*/true), inputs);
    const bool values_only = GetParam().combination.same_bits == SameBits::kValues;
    for (std::size_t i = 0; i < (values_only ? 1 : fused.size()); ++i)
      EXPECT_TRUE(test::same_bits(fused[i], separate[i]))
          << text(shape) << (i ? " gradient of input " : " value ") << i;
    const NoGrad no_grad;
    EXPECT_TRUE(test::same_bits(run()(inputs), fused[0])) << "without the tape";
  }
}

TEST_P(FusedCases, HaveTheSameBitsOnAnyNumberOfThreads) {
  const std::vector<Tensor> inputs = random_inputs({3, 24, 33, 31}, 34);
  test::expect_same_bits_on_any_number_of_threads([&] { return values_and_gradients(run(), inputs); });
}

std::string fused_name(const testing::TestParamInfo<FusedCase>& info) {
  return info.param.combination.name + (info.param.training ? "_training" : "_evaluation");
}

INSTANTIATE_TEST_SUITE_P(Table, FusedCases, testing::ValuesIn(fused_cases()), fused_name);

// ---- where a history ends, so does fusing --------------------------------------------------------------------------

struct Norm {
  Tensor x = Tensor::from_values({3, 1}, std::vector<float>{-1, 0.5F, 2}).set_requires_grad();
  Tensor y = batch_norm(x, {}, {}, {}, {}, {.training = true});
};

TEST(Fusing, StopsAtDetachedTensors) {
  const Norm n;
  EXPECT_FALSE(relu(n.y.detach()).requires_grad());
  EXPECT_FALSE(add(n.y.detach(), Tensor::zeros({3, 1})).requires_grad());
}

TEST(Fusing, StopsAtLeaves) {
  const Norm n;
  const Tensor leaf = n.y.detach().set_requires_grad();
  sum(relu(leaf)).backward();
  EXPECT_TRUE(leaf.grad().defined());
  EXPECT_FALSE(n.x.grad().defined());

  Tensor result;
  {
    const NoGrad no_grad;
    result = batch_norm(n.x, {}, {}, {}, {}, {.training = true});
  }
  EXPECT_FALSE(relu(result).requires_grad());
  result.set_requires_grad();
  sum(add(result, result)).backward();
  EXPECT_TRUE(result.grad().defined());
  EXPECT_FALSE(n.x.grad().defined());
}

TEST(Fusing, UsesTheParametersAsTheyWereWhenTheOpRan) {
  const Tensor x = Tensor::from_values({2, 1}, std::vector<float>{1, 3}), mean = Tensor::zeros({1});
  Tensor gamma = Tensor::full({1}, 2), variance = Tensor::full({1}, 1);
  const Tensor y = batch_norm(x, gamma, {}, mean, variance, {.eps = 0});
  gamma.mutable_values()[0] = 100;
  variance.mutable_values()[0] = 100;
  EXPECT_EQ(y.to_vector(), (std::vector<float>{2, 6}));
}

// A clamp behind a batch norm is part of its pass, forward and back, and has the bits of one that reads its result.
TEST(Fusing, TakesInEveryClamp) {
  const std::vector<std::function<Tensor(const Tensor&)>> clamps = {
      [](const Tensor& t) { return relu(t); }, [](const Tensor& t) { return relu6(t); },
      [](const Tensor& t) { return clip(t, -0.5F, 0.75F); }, [](const Tensor& t) { return clip(t, -INFINITY, 0.5F); }};
  std::vector<float> pixels(2 * 3 * 4 * 4);
  Rng rng(12);
  for (float& v : pixels) v = 4 * rng.normal();
  for (const auto& clamp : clamps) {
    std::vector<float> values[2], gradients[2];
    for (const bool at_once : {false, true}) {
      Tensor x = Tensor::from_nhwc({2, 3, 4, 4}, pixels);
      x.set_requires_grad();
      const Tensor normalised = batch_norm(x, {}, {}, {}, {}, {.training = true});
      if (at_once) normalised.values();
      const Tensor y = clamp(normalised);
      sum(y * y).backward();
      values[at_once] = y.to_vector();
      gradients[at_once] = x.grad().to_vector();
    }
    EXPECT_EQ(values[0], values[1]);
    for (std::size_t i = 0; i < gradients[0].size(); ++i) EXPECT_NEAR(gradients[0][i], gradients[1][i], 1e-5F);
  }
}

// ---- single ops ----------------------------------------------------------------------------------------------------

TEST(Relu, KeepsNotANumber) {
  const float nan = std::nanf("");
  const Tensor y = relu(Tensor::from_values({4}, std::vector<float>{nan, -1, INFINITY, -INFINITY}));
  EXPECT_TRUE(std::isnan(y.values()[0]));
  EXPECT_EQ(y.values()[1], 0);
  EXPECT_EQ(y.values()[2], INFINITY);
  EXPECT_EQ(y.values()[3], 0);
}

TEST(Relu, HasNoSlopeAtZero) {
  const Tensor x = Tensor::from_values({3}, std::vector<float>{-1, 0, 1}).set_requires_grad();
  sum(relu(x)).backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<float>{0, 0, 1}));
}

TEST(Relu, TakesAnyShape) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{1009}, Shape{3, 5, 7}, Shape{2, 0, 3, 3}}) {
    Rng rng(35);
    const Tensor x = random_tensor(shape, rng);
    EXPECT_TRUE(test::same_bits(relu(x), test::to_tensor(test::relu_reference(test::to_array64(x))))) << text(shape);
  }
}

TEST(Add, TakesASingleElement) {
  Rng rng(36);
  for (const Shape& one : {Shape{}, Shape{1}}) {
    const std::vector<Tensor> inputs = {random_tensor({2, 3, 2, 2}, rng), random_tensor(one, rng)};
    const auto reference = [](const Array64& x, const Array64& s) {
      Array64 y = x;
      for (double& v : y.values) v += s[0];
      return y;
    };
    EXPECT_TRUE(test::check_op([](const auto& in) { return in[0] + in[1]; },
                               [&](const auto& in) { return reference(in[0], in[1]); }, inputs));
    EXPECT_TRUE(test::check_op([](const auto& in) { return in[1] + in[0]; },
                               [&](const auto& in) { return reference(in[0], in[1]); }, inputs));
  }
  EXPECT_EQ(add(Tensor::scalar(1), Tensor::full({1, 1}, 2)).shape(), (Shape{1, 1}));  // the higher rank wins
}

TEST(Add, RejectsShapesThatDiffer) {
  EXPECT_EQ(test::error_text([] {
              add(Tensor::zeros({2, 3}), Tensor::zeros({3, 2}));
            }),
            "add: shapes must be equal, or one operand a single element: [2, 3] and [3, 2]");
  EXPECT_EQ(test::error_text([] {
              add(Tensor::zeros({2, 2, 2, 2}), Tensor::zeros({2, 2, 2, 2}, Layout::kRowMajor));
            }),
            "add: shapes must be equal, or one operand a single element: [2, 2, 2, 2] and [2, 2, 2, 2] (an activation "
            "and a weight: their orders in memory differ)");
  EXPECT_EQ(test::error_text([] { add({}, Tensor::scalar(1)); }), "add: an operand is undefined");
  EXPECT_EQ(test::error_text([] { relu({}); }), "relu: x is undefined");
}

}  // namespace
}  // namespace octet
