// SPDX-License-Identifier: Apache-2.0
// Moving blocks of values between arrays: what joining and splitting tensors comes down to.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// Copies `rows` rows of `width` values; row r starts at r * pitch in its array, pitch >= width.
struct RowCopy {
  std::int64_t rows = 0, width = 0;
  std::int64_t from_pitch = 0, to_pitch = 0;
};
void copy_rows(const RowCopy& shape, const float* from, float* to);

}  // namespace octet::kernels
