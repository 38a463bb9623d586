// SPDX-License-Identifier: Apache-2.0
// Numbers that are none: where they are told. Layers may hide them (a ReLU of NaN is 0, and so is its integer), so that
// a result shows nothing of a network that is lost. Private to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "octet/nn/module.h"

namespace octet::detail {

/// Throws Error ("where: layer1.0.conv1.weight: 2 of 144 values are not finite, the first is nan") unless all weights
/// and running statistics are finite. The state of quantizers is left out: it is NaN where none has been needed yet,
/// and the quantizers look at it themselves.
void require_finite_weights(Module& module, const std::string& where);

/// Throws Error (where, image, class) unless all logits of a batch [N, K] are finite. `first` is the number of its
/// first image, from 0.
void require_finite_logits(std::span<const float> logits, std::int64_t classes, std::int64_t first,
                           const std::string& where);

/// The index of the greatest value, the first of equals; nothing, if one is NaN.
std::optional<std::int64_t> index_of_greatest(std::span<const float> values);

}  // namespace octet::detail
