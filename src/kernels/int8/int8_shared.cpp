// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_shared.h"

#include <utility>

#include "octet/kernels/int8/int8_made.h"

namespace octet::kernels {

Int8Shared::Int8Shared(std::int32_t zero_point, std::shared_ptr<const std::vector<std::int8_t>> weights,
                       Int8Epilogue epilogue)
    : zero_point_(zero_point),
      weights_(std::move(weights)),
      epilogue_(std::move(epilogue)),
      made_(std::make_unique<Made>()) {}

Int8Shared::~Int8Shared() = default;

}  // namespace octet::kernels
