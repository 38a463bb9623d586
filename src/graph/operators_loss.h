// SPDX-License-Identifier: Apache-2.0
// Softmax, losses and sums over everything: keys.
#pragma once

namespace octet::ops {

inline constexpr const char* kCrossEntropy = "cross_entropy";
inline constexpr const char* kLogSoftmax = "log_softmax";
inline constexpr const char* kMean = "mean";
inline constexpr const char* kMseLoss = "mse_loss";
inline constexpr const char* kSoftmax = "softmax";
inline constexpr const char* kSum = "sum";

}  // namespace octet::ops
