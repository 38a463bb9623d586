// SPDX-License-Identifier: Apache-2.0
// From a network's results to what it says of an image. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/experiment/run/trained_model.h"

namespace octet::detail {

/// `logits` [1, classes] -> all classes, the most likely first. Throws Error unless the logits are finite.
std::vector<Prediction> predictions(const Tensor& logits, const std::vector<std::string>& class_names);

}  // namespace octet::detail
