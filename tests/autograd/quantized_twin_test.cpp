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
  int first_ = 0, second_ = 0;
};

TEST_F(QuantizedTwin, IsGivenToTheOtherReadersOfOneForwardPass) {
  EXPECT_FALSE(claim_twin(x_, quantizer_, &first_).again);
  keep_twin(x_, quantizer_, y_);
  const TwinClaim other = claim_twin(x_, quantizer_, &second_);
  EXPECT_TRUE(other.again);
  EXPECT_TRUE(other.quantized.same_as(y_));
  EXPECT_FALSE(claim_twin(x_, quantizer_, &first_).again) << "the first reader has begun another forward pass";
}

TEST_F(QuantizedTwin, IsOfOneQuantizerAlone) {
  const std::uint64_t another = new_quantizer_id();
  claim_twin(x_, quantizer_, &first_);
  keep_twin(x_, quantizer_, y_);
  EXPECT_FALSE(claim_twin(x_, another, &second_).again);
  EXPECT_TRUE(made_by(y_, quantizer_));
  EXPECT_FALSE(made_by(y_, another));
  EXPECT_FALSE(made_by(x_, quantizer_));
}

TEST_F(QuantizedTwin, IsNoLongerOneOnceTheTensorWasWrittenTo) {
  claim_twin(x_, quantizer_, &first_);
  keep_twin(x_, quantizer_, y_);
  x_.mutable_values()[0] = 9.0F;
  EXPECT_FALSE(claim_twin(x_, quantizer_, &second_).again);
}

TEST_F(QuantizedTwin, IsNoneForWhoWantsAHistory) {
  {
    const NoGrad no_grad;
    claim_twin(x_, quantizer_, &first_);
    keep_twin(x_, quantizer_, y_);
  }
  EXPECT_FALSE(claim_twin(x_, quantizer_, &second_).again);
}

TEST_F(QuantizedTwin, IsNotKeptAlive) {
  claim_twin(x_, quantizer_, &first_);
  keep_twin(x_, quantizer_, Tensor::full({2}, 3.0F));
  const TwinClaim other = claim_twin(x_, quantizer_, &second_);
  EXPECT_TRUE(other.again);
  EXPECT_FALSE(other.quantized.defined());
}

}  // namespace
}  // namespace octet
