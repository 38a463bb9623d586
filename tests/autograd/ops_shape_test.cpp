// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "support/error_text.h"
#include "support/gradient_check.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::Array64;
using test::check_op;
using test::error_text;
using test::random_tensor;
using test::random_weight;

// 0, 1, 2, ... in logical order.
Tensor counted(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  std::iota(values.begin(), values.end(), 0.0F);
  return shape.size() == 4 ? Tensor::from_nchw(shape, values) : Tensor::from_values(shape, values);
}

// ---- cat -----------------------------------------------------------------------------------------------------------

// Every element goes where its index, moved along dim, says.
Array64 cat_reference(const std::vector<Array64>& parts, std::size_t dim) {
  Shape shape = parts[0].shape;
  shape[dim] = 0;
  for (const Array64& part : parts) shape[dim] += part.shape[dim];
  Array64 y = test::zeros64(shape);
  const std::int64_t inner = element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(dim) + 1, shape.end()));
  std::int64_t before = 0;
  for (const Array64& part : parts) {
    for (std::int64_t i = 0; i < part.size(); ++i) {
      const std::int64_t size = part.shape[dim];
      const std::int64_t outer = i / (size * inner), at = i / inner % size;
      y[(outer * shape[dim] + before + at) * inner + i % inner] = part[i];
    }
    before += part.shape[dim];
  }
  return y;
}

TEST(Cat, AgreesWithTheReferenceAlongEveryDimension) {
  Rng rng(21);
  for (const Shape& shape : {Shape{4}, Shape{3, 2}, Shape{2, 3, 2}, Shape{2, 3, 4, 2}})
    for (std::size_t dim = 0; dim < shape.size(); ++dim) {
      std::vector<Tensor> parts;
      for (std::int64_t size : {3, 1, 2}) {
        Shape part = shape;
        part[dim] = size;
        parts.push_back(random_tensor(part, rng));
      }
      EXPECT_TRUE(check_op([&](const auto& in) { return cat(in, static_cast<std::int64_t>(dim)); },
                           [&](const auto& in) { return cat_reference(in, dim); }, parts))
          << text(shape, " along ", dim);
    }
}

TEST(Cat, JoinsWeightsInTheirOrder) {
  Rng rng(22);
  const std::vector<Tensor> parts = {random_weight({2, 3, 2, 2}, rng), random_weight({2, 1, 2, 2}, rng)};
  const Tensor y = cat(parts, 1);
  EXPECT_EQ(y.layout(), Layout::kRowMajor);
  EXPECT_EQ(test::to_array64(y).values,
            cat_reference({test::to_array64(parts[0]), test::to_array64(parts[1])}, 1).values);
}

TEST(Cat, CountsNegativeDimensionsFromTheEnd) {
  const std::vector<Tensor> parts = {counted({2, 2}), counted({2, 1})};
  EXPECT_EQ(cat(parts, -1).to_vector(), (std::vector<float>{0, 1, 0, 2, 3, 1}));
}

TEST(Cat, OfOnePartIsThatPart) {
  const Tensor x = counted({2, 3, 2, 2});
  EXPECT_TRUE(test::same_bits(cat(std::span(&x, 1), 1), x));
}

TEST(Cat, TakesEmptyParts) {
  const std::vector<Tensor> parts = {counted({2, 0}), counted({2, 2})};
  EXPECT_EQ(cat(parts, 1).to_vector(), (std::vector<float>{0, 1, 2, 3}));
}

TEST(Cat, HasSplittingAsItsAdjoint) {
  Rng rng(23);
  const Tensor fixed = Tensor::zeros({3, 5, 4, 4});
  const auto join = [&](const Tensor& x) {
    const std::vector<Tensor> parts = {x, fixed};
    return cat(parts, 1);
  };
  const auto split = [&](const Tensor& dy) {
    Tensor x = Tensor::zeros({3, 2, 4, 4}).set_requires_grad();
    join(x).backward(dy);
    return x.grad();
  };
  EXPECT_TRUE(test::check_adjoint(join, split, random_tensor({3, 2, 4, 4}, rng), random_tensor({3, 7, 4, 4}, rng)));
}

TEST(Cat, RejectsWhatDoesNotFit) {
  const auto message = [](const std::vector<Tensor>& parts, std::int64_t dim) {
    return error_text([&] { cat(parts, dim); });
  };
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_EQ(message({}, 0), "cat: at least one part is needed");
  EXPECT_EQ(message({x, Tensor()}, 0), "cat: part 1 must be defined");
  EXPECT_EQ(message({Tensor::scalar(1)}, 0), "cat: parts must have at least one dimension, scalars have none");
  EXPECT_EQ(message({x, x}, 2), "cat: dim must be in [-2, 2) (dim 2, shape [2, 3])");
  EXPECT_EQ(message({x, Tensor::zeros({2, 4})}, 0),
            "cat: all sizes but that of dim 0 must be equal (part 0 [2, 3], part 1 [2, 4])");
  EXPECT_EQ(message({x, Tensor::zeros({2, 3, 1})}, 0),
            "cat: all sizes but that of dim 0 must be equal (part 0 [2, 3], part 1 [2, 3, 1])");
  EXPECT_EQ(
      message({Tensor::zeros({1, 2, 3, 3}), Tensor::zeros({1, 2, 3, 3}, Layout::kRowMajor)}, 1),
      "cat: part 0 and part 1 lie in different orders: one is an activation (channels-last), the other a row-major "
      "tensor");
}

// ---- reshape, flatten ----------------------------------------------------------------------------------------------

struct Reshape {
  Shape from, to;
};

const std::vector<Reshape> kReshapes = {{{6}, {2, 3}},
                                        {{2, 3}, {6}},
                                        {{2, 3}, {3, 2}},
                                        {{}, {1}},
                                        {{1}, {}},
                                        {{2, 3, 4, 5}, {2, 60}},
                                        {{2, 60}, {2, 3, 4, 5}},
                                        {{2, 3, 4, 5}, {2, 12, 5, 1}},
                                        {{2, 3, 1, 1}, {2, 3}},
                                        {{2, 3}, {2, 3, 1, 1}},
                                        {{2, 1, 4, 5}, {2, 20}},
                                        {{2, 3, 4, 5}, {2, 3, 4, 5}},
                                        {{2, 3, 4, 5}, {120}},
                                        {{24}, {1, 2, 3, 4}},
                                        {{2, 4, 3, 3}, {4, 2, 9}}};

TEST(Reshape, KeepsTheLogicalOrder) {
  Rng rng(24);
  for (const Reshape& r : kReshapes)
    EXPECT_TRUE(check_op([&](const auto& in) { return reshape(in[0], r.to); },
                         [&](const auto& in) {
                           return Array64{r.to, in[0].values};
                         },
                         {random_tensor(r.from, rng)}))
        << text(r.from, " to ", r.to);
}

TEST(Reshape, OfAWeightGivesItsGradientTheWeightsOrder) {
  Rng rng(25);
  Tensor w = random_weight({4, 3, 2, 2}, rng).set_requires_grad();
  const Tensor y = reshape(w, {4, 12});
  EXPECT_EQ(y.to_vector(), w.to_vector());
  y.backward(counted({4, 12}));
  EXPECT_EQ(w.grad().layout(), Layout::kRowMajor);
  EXPECT_EQ(w.grad().to_vector(), counted({4, 12}).to_vector());
}

TEST(Reshape, CopiesNothingWhenValuesNeedNotMove) {
  const auto shares = [](const Tensor& x, const Shape& shape) {
    return reshape(x, shape).values().data() == x.values().data();
  };
  EXPECT_TRUE(shares(counted({2, 3}), {6}));
  EXPECT_TRUE(shares(counted({2, 3, 1, 1}), {2, 3}));
  EXPECT_TRUE(shares(counted({2, 3}), {2, 3, 1, 1}));
  EXPECT_TRUE(shares(counted({2, 1, 3, 2}), {2, 6}));
  EXPECT_FALSE(shares(counted({2, 3, 2, 1}), {2, 6}));
}

TEST(Reshape, ComputesTheSizeGivenAsMinusOne) {
  EXPECT_EQ(reshape(counted({2, 6}), {3, -1}).shape(), (Shape{3, 4}));
  EXPECT_EQ(reshape(counted({2, 6}), {-1}).shape(), (Shape{12}));
  EXPECT_EQ(reshape(counted({0, 6}), {-1, 3}).shape(), (Shape{0, 3}));
}

TEST(Reshape, ReadsValuesThatWerePending) {
  const Tensor x = counted({2, 3, 1, 1});
  EXPECT_EQ(flatten(relu(x)).to_vector(), x.to_vector());
  EXPECT_EQ(reshape(add(x, x), {3, 2}).to_vector(), (std::vector<float>{0, 2, 4, 6, 8, 10}));
}

TEST(Reshape, RejectsSizesThatDoNotFit) {
  const auto message = [](const Tensor& x, const Shape& shape) { return error_text([&] { reshape(x, shape); }); };
  const Tensor x = counted({2, 3});
  EXPECT_EQ(message(Tensor(), {1}), "reshape: x must be defined");
  EXPECT_EQ(message(x, {4, 2}), "reshape: [2, 3] has 6 elements, which do not fit the shape [4, 2]");
  EXPECT_EQ(message(x, {4, -1}), "reshape: [2, 3] has 6 elements, which do not fit the shape [4, -1]");
  EXPECT_EQ(message(x, {-1, -1}), "reshape: sizes must not be negative, but one may be -1 (shape [-1, -1])");
  EXPECT_EQ(message(x, {-2, 3}), "reshape: sizes must not be negative, but one may be -1 (shape [-2, 3])");
  EXPECT_EQ(message(counted({0, 3}), {0, -1}), "reshape: [0, 3] has 0 elements, which do not fit the shape [0, -1]");
  EXPECT_EQ(message(x, {std::int64_t{1} << 40, std::int64_t{1} << 40}),
            "reshape: too many elements (shape [1099511627776, 1099511627776])");
}

TEST(Flatten, MergesARangeOfDimensions) {
  const Tensor x = counted({2, 3, 4, 5});
  EXPECT_EQ(flatten(x).shape(), (Shape{2, 60}));
  EXPECT_EQ(flatten(x).to_vector(), x.to_vector());
  EXPECT_EQ(flatten(x, 0).shape(), (Shape{120}));
  EXPECT_EQ(flatten(x, 1, 2).shape(), (Shape{2, 12, 5}));
  EXPECT_EQ(flatten(x, -2).shape(), (Shape{2, 3, 20}));
  EXPECT_EQ(flatten(x, -2).to_vector(), x.to_vector());
  EXPECT_EQ(flatten(counted({3}), 0).shape(), (Shape{3}));
}

TEST(Flatten, AgreesWithTheReference) {
  Rng rng(26);
  EXPECT_TRUE(check_op([](const auto& in) { return flatten(in[0]); },
                       [](const auto& in) {
                         return Array64{{3, 18}, in[0].values};
                       },
                       {random_tensor({3, 2, 3, 3}, rng)}));
}

TEST(Flatten, RejectsDimensionsThatAreNotThere) {
  EXPECT_EQ(error_text([] { flatten(Tensor::zeros({3})); }),
            "flatten: start_dim must be in [-1, 1) (start_dim 1, shape [3])");
  EXPECT_EQ(error_text([] {
              flatten(Tensor::zeros({2, 3}), 0, 2);
            }),
            "flatten: end_dim must be in [-2, 2) (end_dim 2, shape [2, 3])");
  EXPECT_EQ(error_text([] {
              flatten(Tensor::zeros({2, 3}), 1, 0);
            }),
            "flatten: start_dim must not come after end_dim (start_dim 1, end_dim 0, shape [2, 3])");
  EXPECT_EQ(error_text([] { flatten(Tensor()); }), "flatten: x must be defined");
}

}  // namespace
}  // namespace octet
