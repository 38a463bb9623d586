// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/quantized_twin.h"

#include <gtest/gtest.h>

#include "octet/autograd/tape.h"
#include "octet/autograd/tensor.h"

namespace octet {
namespace {

class QuantizedTwin : public testing::Test {
 protected:
  Tensor x_ = Tensor::full({2}, 1.0F), y_ = Tensor::full({2}, 2.0F);
  const std::uint64_t quantizer_ = new_quantizer_id();
  static constexpr std::uint64_t kGrid = 7, kOtherGrid = 8;
  TwinClaim claim(const void* reader, std::uint64_t grid = kGrid) { return claim_twin(x_, quantizer_, grid, reader); }
  void keep(const TwinClaim& claim, const Tensor& y) { keep_twin(x_, quantizer_, kGrid, claim, y); }
  int first_ = 0, second_ = 0, third_ = 0;
};

TEST_F(QuantizedTwin, IsGivenToTheOtherReadersOfOneForwardPass) {
  const TwinClaim first = claim(&first_);
  EXPECT_FALSE(first.again);
  keep(first, y_);
  const TwinClaim other = claim(&second_);
  EXPECT_TRUE(other.again);
  EXPECT_TRUE(other.quantized.same_as(y_));
  EXPECT_FALSE(claim(&first_).again) << "the first reader has begun another forward pass";
}

TEST_F(QuantizedTwin, IsOfOneQuantizerAlone) {
  const std::uint64_t another = new_quantizer_id();
  keep(claim(&first_), y_);
  EXPECT_FALSE(claim_twin(x_, another, kGrid, &second_).again);
  EXPECT_TRUE(made_by(y_, quantizer_, kGrid));
  EXPECT_FALSE(made_by(y_, another, kGrid));
  EXPECT_FALSE(made_by(x_, quantizer_, kGrid));
}

TEST_F(QuantizedTwin, IsOfOneGridAlone) {
  keep(claim(&first_), y_);
  const TwinClaim other = claim(&second_, kOtherGrid);
  EXPECT_TRUE(other.again);
  EXPECT_FALSE(other.quantized.defined());
  EXPECT_FALSE(made_by(y_, quantizer_, kOtherGrid));
}

TEST_F(QuantizedTwin, IsNoLongerOneOnceATensorWasWrittenTo) {
  keep(claim(&first_), y_);
  y_.mutable_values()[0] = 9.0F;
  EXPECT_FALSE(made_by(y_, quantizer_, kGrid));
  EXPECT_FALSE(claim(&second_).quantized.defined());
  x_.mutable_values()[0] = 9.0F;
  EXPECT_FALSE(claim(&third_).again);
}

TEST_F(QuantizedTwin, IsNoneForWhoWantsAHistory) {
  TwinClaim without;
  {
    const NoGrad no_grad;
    without = claim(&first_);
  }
  const TwinClaim with = claim(&second_);
  EXPECT_FALSE(with.again);
  keep(without, y_);  // of a pass that is over
  EXPECT_FALSE(claim(&first_).quantized.defined());
  x_.set_requires_grad();
  EXPECT_FALSE(claim(&first_).again);
}

TEST_F(QuantizedTwin, IsNotKeptAlive) {
  keep(claim(&first_), Tensor::full({2}, 3.0F));
  const TwinClaim other = claim(&second_);
  EXPECT_TRUE(other.again);
  EXPECT_FALSE(other.quantized.defined());
}

}  // namespace
}  // namespace octet
