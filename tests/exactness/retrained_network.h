// SPDX-License-Identifier: Apache-2.0
// A ResNet-20 that was retrained for some steps on Fashion-MNIST, in all its forms.
#pragma once

#include <cstdint>

#include "support/exactness.h"

namespace octet::test {

/// Trains, converts, retrains and saves the network; then compares its evaluation with the saved file in octet::deploy
/// over the first `images` test images, in batches, and every quantized tensor of some of them with the oracle.
/// `quantize_shortcuts` as in create_quant_retrain_model().
void compare_retrained_network(bool quantize_shortcuts, std::int64_t images, std::int64_t batch,
                               ExactnessCounts& counts);

}  // namespace octet::test
