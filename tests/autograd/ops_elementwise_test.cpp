// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/trace.h"
#include "support/error_text.h"
#include "support/gradient_check.h"
#include "support/pytorch_values.h"
#include "support/reference_elementwise.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::check_op;
using test::error_text;
using test::random_tensor;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// ---- functions of one element --------------------------------------------------------------------------------------

struct Function {
  const char* name;
  Tensor (*ours)(const Tensor&);
  double (*reference)(double);
  std::vector<float> kinks;
};

void PrintTo(const Function& f, std::ostream* out) { *out << f.name; }

std::string function_name(const testing::TestParamInfo<Function>& info) { return info.param.name; }

class Functions : public testing::TestWithParam<Function> {};

TEST_P(Functions, AgreesWithTheReference) {
  const Function& f = GetParam();
  Rng rng(3);
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{3, 5}, Shape{2, 17, 3, 5}, Shape{2, 3, 4}})
    EXPECT_TRUE(check_op([&](const auto& in) { return f.ours(in[0]); },
                         [&](const auto& in) { return test::map_reference(in[0], f.reference); },
                         {test::random_tensor_away_from(f.kinks, shape, rng, 4.0F)}))
        << text(shape);
}

TEST_P(Functions, KeepsTheLayoutOfWeights) {
  Rng rng(4);
  const Tensor w = test::random_weight({3, 2, 2, 2}, rng);
  const Tensor y = GetParam().ours(w);
  EXPECT_EQ(y.layout(), Layout::kRowMajor);
  EXPECT_EQ(y.shape(), w.shape());
}

TEST_P(Functions, PassesNaNThrough) {
  Tensor x = Tensor::full({40}, 1.0F);
  x.mutable_values()[7] = kNaN;
  const Tensor y = GetParam().ours(x);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(std::isnan(y.values()[i]), i == 7) << i;
}

TEST_P(Functions, HasTheSameBitsOnAnyNumberOfThreads) {
  Rng rng(5);
  const Tensor x = random_tensor({200'003}, rng, 0.0F, 3.0F), dy = random_tensor({200'003}, rng);
  test::expect_same_bits_on_any_number_of_threads([&] {
    Tensor leaf = x.clone().set_requires_grad();
    const Tensor y = GetParam().ours(leaf);
    y.backward(dy);
    return std::vector<Tensor>{y.detach(), leaf.grad()};
  });
}

TEST_P(Functions, RejectsAnUndefinedInput) {
  EXPECT_EQ(error_text([] { GetParam().ours(Tensor()); }), text(GetParam().name, ": x must be defined"));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Functions,
    testing::Values(Function{"relu6", relu6, test::relu6_reference, {0, 6}},
                    Function{"leaky_relu",
                             [](const Tensor& x) { return leaky_relu(x); },
                             [](double x) { return test::leaky_relu_reference(x, 0.01F); },
                             {0}},
                    Function{"sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, {}},
                    Function{"tanh", tanh, [](double x) { return std::tanh(x); }, {}},
                    Function{"silu", silu, test::silu_reference, {}},
                    Function{
                        "hardsigmoid", hardsigmoid, [](double x) { return test::relu6_reference(x + 3) / 6; }, {-3, 3}},
                    Function{"hardswish", hardswish, test::hardswish_reference, {-3, 3}}),
    function_name);

TEST(Activations, AgreeWithPyTorchAlsoAtTheirKinks) {
  for (const auto& c : test::pytorch_cases("activations")) {
    const std::string function = c.at("function");
    Tensor x = test::tensor_from(c.at("x")).set_requires_grad();
    const Tensor y = function == "relu"         ? relu(x)
                     : function == "relu6"      ? relu6(x)
                     : function == "leaky_relu" ? leaky_relu(x, c.at("negative_slope").get<float>())
                     : function == "hardswish"  ? hardswish(x)
                     : function == "silu"       ? silu(x)
                                                : Tensor();
    ASSERT_TRUE(y.defined()) << function;
    y.backward(test::tensor_from(c.at("dy")));
    EXPECT_TRUE(test::near(y, c.at("y"))) << function;
    EXPECT_TRUE(test::near(x.grad(), c.at("dx"))) << function;
  }
}

TEST(Hardswish, TakesTheOuterGradientAtItsKinks) {
  Tensor x = Tensor::from_values({2}, std::vector<float>{-3, 3}).set_requires_grad();
  sum(hardswish(x)).backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<float>{0, 1}));
}

TEST(Hardsigmoid, TakesTheOuterGradientAtItsKinks) {
  Tensor x = Tensor::from_values({3}, std::vector<float>{-3, 0, 3}).set_requires_grad();
  const Tensor y = hardsigmoid(x);
  EXPECT_EQ(y.to_vector(), (std::vector<float>{0, 0.5F, 1}));
  sum(y).backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<float>{0, 1.0F / 6.0F, 0}));
}

TEST(LeakyRelu, AllowsANegativeSlopeBelowZero) {
  Rng rng(6);
  EXPECT_TRUE(check_op([](const auto& in) { return leaky_relu(in[0], -0.5F); },
                       [](const auto& in) {
                         return test::map_reference(in[0],
                                                    [](double x) { return test::leaky_relu_reference(x, -0.5); });
                       },
                       {test::random_tensor_away_from({0}, {50}, rng)}));
}

TEST(LeakyRelu, ShowsItsSlopeToATrace) {
  const Tensor x = Tensor::zeros({2});
  TraceRecorder recorder(std::span(&x, 1), {});
  const Tensor y = leaky_relu(x, 0.25F);
  const Graph graph = recorder.finish(std::span(&y, 1));
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.nodes[0].op, "leaky_relu");
  EXPECT_EQ(std::get<double>(graph.nodes[0].attributes.at("negative_slope")), 0.25);
}

TEST(Sigmoid, StaysFiniteFarFromZero) {
  const Tensor x = Tensor::from_values({4}, std::vector<float>{-1000, -90, 90, 1000});
  EXPECT_EQ(sigmoid(x).to_vector(), (std::vector<float>{0, 1.0F / (1.0F + std::exp(90.0F)), 1, 1}));
  for (float v : silu(x).to_vector()) EXPECT_TRUE(std::isfinite(v));
}

// ---- functions of two elements -------------------------------------------------------------------------------------

struct Shapes {
  Shape a, b;
};

const std::vector<Shapes> kShapes = {{{}, {}},
                                     {{5}, {5}},
                                     {{2, 3, 4, 5}, {2, 3, 4, 5}},
                                     {{3, 4}, {1}},
                                     {{1}, {3, 4}},
                                     {{}, {7}},
                                     {{7}, {}},
                                     {{1}, {}},
                                     {{}, {1, 1}},
                                     {{2, 17, 3, 3}, {}},
                                     {{1}, {2, 17, 3, 3}},
                                     {{1, 1, 1, 1}, {4, 3}}};

TEST(Sub, AgreesWithTheReference) {
  Rng rng(7);
  for (const Shapes& s : kShapes)
    EXPECT_TRUE(check_op(
        [](const auto& in) { return in[0] - in[1]; },
        [](const auto& in) { return test::zip_reference(in[0], in[1], [](double a, double b) { return a - b; }); },
        {random_tensor(s.a, rng), random_tensor(s.b, rng)}))
        << text(s.a, s.b);
}

TEST(Mul, AgreesWithTheReference) {
  Rng rng(8);
  for (const Shapes& s : kShapes)
    EXPECT_TRUE(check_op(
        [](const auto& in) { return in[0] * in[1]; },
        [](const auto& in) { return test::zip_reference(in[0], in[1], [](double a, double b) { return a * b; }); },
        {random_tensor(s.a, rng), random_tensor(s.b, rng)}))
        << text(s.a, s.b);
}

TEST(Mul, OfATensorWithItselfHasBothGradients) {
  Tensor x = Tensor::from_values({3}, std::vector<float>{1, -2, 3}).set_requires_grad();
  sum(x * x).backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<float>{2, -4, 6}));
}

TEST(SubAndMul, HaveTheSameBitsOnAnyNumberOfThreads) {
  Rng rng(9);
  const Tensor x = random_tensor({300'001}, rng), y = random_tensor({300'001}, rng), s = random_tensor({1}, rng);
  test::expect_same_bits_on_any_number_of_threads([&] {
    Tensor a = x.clone().set_requires_grad(), b = y.clone().set_requires_grad(), c = s.clone().set_requires_grad();
    sum(mul(sub(mul(a, c), b), sub(c, a))).backward();
    return std::vector<Tensor>{a.grad(), b.grad(), c.grad()};
  });
}

TEST(Sub, RejectsShapesThatDiffer) {
  EXPECT_EQ(error_text([] {
              sub(Tensor::zeros({2, 3}), Tensor::zeros({3, 2}));
            }),
            "sub: shapes must be equal, or one operand have one element (a [2, 3], b [3, 2])");
}

TEST(Mul, RejectsRowsThatWouldHaveToBeRepeated) {
  EXPECT_EQ(error_text([] {
              mul(Tensor::zeros({2, 3}), Tensor::zeros({3}));
            }),
            "mul: shapes must be equal, or one operand have one element (a [2, 3], b [3])");
}

TEST(Mul, RejectsAnActivationTimesAWeight) {
  const Tensor weight = Tensor::zeros({2, 3, 4, 4}, Layout::kRowMajor);
  EXPECT_EQ(error_text([&] {
              mul(Tensor::zeros({2, 3, 4, 4}), weight);
            }),
            "mul: one operand is an activation (channels-last), the other a row-major tensor (shape [2, 3, 4, 4])");
}

TEST(SubAndMul, RejectUndefinedOperands) {
  EXPECT_EQ(error_text([] { sub(Tensor(), Tensor::scalar(1)); }), "sub: a must be defined");
  EXPECT_EQ(error_text([] { mul(Tensor::scalar(1), Tensor()); }), "mul: b must be defined");
}

}  // namespace
}  // namespace octet
