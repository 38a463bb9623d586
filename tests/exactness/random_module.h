// SPDX-License-Identifier: Apache-2.0
// Random float networks to be quantized: residuals, layers that read one tensor, transposed convolutions with groups,
// concatenations, pools, batch norms that can be folded and such that cannot, layers that stay in float.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "octet/nn/module.h"

namespace octet::test {

struct RandomModule {
  std::unique_ptr<Module> module;
  Shape image;             ///< [C, H, W]
  std::string definition;  ///< of the configuration, in YAML: what stays in float, one scale per weight or per channel
};
/// The same for the same seed.
RandomModule random_module(std::uint64_t seed);

/// `count` of its images.
Tensor random_images(const Shape& image, std::int64_t count, std::uint64_t seed);

/// Gives clips, batch norms and their statistics values that training might have come to.
void disturb(Module& module, std::uint64_t seed);

}  // namespace octet::test
