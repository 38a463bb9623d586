// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/activation_layers.h"

#include <cmath>

#include "octet/base/error.h"

namespace octet {

LeakyReLU::LeakyReLU(Options options) : options_(options) {
  require(std::isfinite(options_.negative_slope), "LeakyReLU: negative_slope must be finite (negative_slope ",
          options_.negative_slope, ")");
}

std::unique_ptr<Module> LeakyReLU::clone() const { return copy_state_to(std::make_unique<LeakyReLU>(options_)); }

std::unique_ptr<Module> Softmax::clone() const { return copy_state_to(std::make_unique<Softmax>(options_)); }

}  // namespace octet
