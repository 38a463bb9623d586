// SPDX-License-Identifier: Apache-2.0
// Element-wise ops: keys of those that others name, and shape rules.
#pragma once

#include "octet/graph/graph.h"

namespace octet {

namespace ops {
inline constexpr const char* kAdd = "add";
inline constexpr const char* kClip = "clip";
inline constexpr const char* kDropout = "dropout";
inline constexpr const char* kIdentity = "identity";
inline constexpr const char* kMul = "mul";
inline constexpr const char* kRelu = "relu";
inline constexpr const char* kRelu6 = "relu6";
inline constexpr const char* kRound = "round";
inline constexpr const char* kSub = "sub";
}  // namespace ops

/// The shape of a op b, by NumPy's rule: sizes are compared from the last dimension, and 1 fits any.
/// Throws Error where they do not fit.
Shape broadcast_shape(const char* op, const Shape& a, const Shape& b);

/// Values below `min` become it, values above `max` likewise.
struct ClipParams {
  double min, max;
};
ClipParams clip_params(const Attributes& attributes);
Attributes attributes_of(const ClipParams& params);
/// Throws Error if min is above max, or one is not a number.
void check_clip(const ClipParams& params);

}  // namespace octet
