// SPDX-License-Identifier: Apache-2.0
// Between channels-first and channels-last order.
#pragma once

#include <cstdint>

namespace octet::kernels {

struct ImageBatch {
  std::int64_t n, c, pixels;
};

void nchw_to_nhwc(const ImageBatch& shape, const float* nchw, float* nhwc);
void nhwc_to_nchw(const ImageBatch& shape, const float* nhwc, float* nchw);

}  // namespace octet::kernels
