// SPDX-License-Identifier: Apache-2.0
// Models by name, as experiments ask for them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "octet/base/rng.h"
#include "octet/nn/module.h"

namespace octet {

struct ModelOptions {
  std::int64_t in_channels = 3;
  std::int64_t num_classes = 10;
  bool zero_init_residual = false;
};

/// "resnet18", "resnet34", "resnet50", "resnet101", "resnet152" (torchvision's, for images of about 224x224) and
/// "resnet8", "resnet20", "resnet32", "resnet44", "resnet56" (the CIFAR family, for images of about 32x32).
/// Throws Error with the nearest name for another one.
std::unique_ptr<Module> make_model(std::string_view name, const ModelOptions& options, Rng& rng);

/// All names that make_model() knows.
std::vector<std::string> model_names();

}  // namespace octet
