// SPDX-License-Identifier: Apache-2.0
// Private to data: which files of a folder of class folders are images, and what is left out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "octet/data/dataset.h"

namespace octet {

struct FoundImages {
  std::vector<std::string> classes;             ///< sorted
  std::vector<std::vector<std::string>> files;  ///< of each class, relative to its folder, in torchvision's order
  std::vector<LeftOut> left_out;
};

/// Throws Error (folder) if there is no class folder, if the name of one is not UTF-8 or if one has no image, and if a
/// folder cannot be listed.
FoundImages find_images(const std::filesystem::path& root);

}  // namespace octet
