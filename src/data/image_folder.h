// SPDX-License-Identifier: Apache-2.0
// ImageFolder: a dataset of image files, one folder per class.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "octet/data/dataset.h"
#include "octet/data/image_file.h"

namespace octet {

/// root/<class name>/<image>.png, .jpg, .jpeg or .bmp (in any case). As in torchvision the classes are the folders
/// sorted by name (byte order), and the files of a class are sorted by name; unlike there, folders are not searched
/// deeper. Images are decoded each time they are asked for, so the set may be larger than memory.
class ImageFolder final : public Dataset {
 public:
  struct Options {
    std::int64_t channels = 3;  ///< 3, or 1 to read everything as grey
    ImageLimits limits = {};
  };

  /// Lists the folder; opens no image. Throws Error if root has no class folders or one of them has no images.
  explicit ImageFolder(const std::filesystem::path& root) : ImageFolder(root, Options{}) {}
  ImageFolder(const std::filesystem::path& root, Options options);

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  Sample get(std::int64_t index) const override;
  /// Over names and contents of all files.
  std::string content_hash() const override;

  /// The file of a sample.
  std::filesystem::path path(std::int64_t index) const;

 private:
  struct File {
    std::string name;
    std::int64_t label;
  };

  std::filesystem::path root_;
  Options options_;
  std::vector<File> files_;
};

}  // namespace octet
