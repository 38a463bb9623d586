// SPDX-License-Identifier: Apache-2.0
// Ops that move values without changing them: options and shape rules.
#pragma once

#include <cstdint>
#include <span>

#include "octet/graph/graph.h"

namespace octet {

namespace ops {
inline constexpr const char* kCat = "cat";
inline constexpr const char* kFlatten = "flatten";
inline constexpr const char* kPad2d = "pad2d";
inline constexpr const char* kReshape = "reshape";
}  // namespace ops

/// `dim` counted from the front; negative ones count from the end. Throws Error, naming the option, if there is no such
/// dimension.
std::int64_t dim_from_front(const char* op, const char* name, std::int64_t dim, const Shape& shape);

/// All sizes but that of `dim` (from the front) are equal. Throws Error else.
Shape cat_shape(std::span<const Shape* const> parts, std::int64_t dim);
/// The attribute "shape" of a reshape, for this x: a size 0 in it stands for that of x in its place.
Shape reshape_target(const Shape& x, const Attributes& attributes);
/// One size of `asked` may be -1: what is left. Throws Error if the numbers of elements differ.
Shape reshape_shape(const Shape& x, const Shape& asked);
/// Dimensions start_dim .. end_dim become one.
Shape flatten_shape(const Shape& x, std::int64_t start_dim, std::int64_t end_dim);

enum class PaddingMode { kZeros, kReflect, kReplicate, kCircular };
/// "zeros", "reflect", "replicate", "circular".
const char* name_of(PaddingMode mode);
PaddingMode padding_mode(const std::string& name);
/// x [N, C, H, W] with `padding` rows and columns more on each side.
Shape pad2d_shape(const Shape& x, Size2 padding, PaddingMode mode);

}  // namespace octet
