// SPDX-License-Identifier: Apache-2.0
// ImageFolder: a dataset of image files, one folder per class.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "octet/base/shape.h"
#include "octet/data/dataset.h"
#include "octet/data/image_file.h"

namespace octet {

struct FoundImages;

/// root/<class name>/<any folders>/<image>.png, .jpg, .jpeg or .bmp (in any case). As in torchvision the classes are
/// the folders of root sorted by name (byte order); links are followed, and the files of a class come folder by folder,
/// the paths of folders and then the names in each sorted. Unlike there, hidden files and folders are left out, as are
/// other kinds of files: left_out() counts them. Images are decoded each time they are asked for, so the set may be
/// larger than memory.
class ImageFolder final : public Dataset {
 public:
  enum class Check {
    kNone,  ///< no image is opened before it is asked for
    kStop,  ///< all are read, decoded and hashed at once; those that cannot be are an Error that names them, and so is
            ///< a file that is asked for later and has another content by then
    kSkip,  ///< likewise, but those are left out
  };
  struct Options {
    std::int64_t channels = 3;  ///< 3, or 1 to read everything as grey
    ImageLimits limits = {};
    Check check = Check::kNone;
    int workers = 1;  ///< threads that check
  };

  /// Lists the folder. Throws Error if root has no class folders, or one that has no images or whose name is not UTF-8.
  explicit ImageFolder(const std::filesystem::path& root) : ImageFolder(root, Options{}) {}
  ImageFolder(const std::filesystem::path& root, Options options);

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  Sample get(std::int64_t index) const override;
  /// Over names and contents of all files.
  std::string content_hash() const override;
  /// The path of its file.
  std::string sample_name(std::int64_t index) const override;
  std::vector<LeftOut> left_out() const override { return left_out_; }
  /// Sizes are known of files that were checked.
  std::vector<std::int64_t> one_of_each_size() const override;

  /// The file of a sample.
  std::filesystem::path path(std::int64_t index) const;

 private:
  /// What tells without reading it that a file has perhaps been written to.
  struct Stamp {
    std::uintmax_t bytes = 0;
    std::filesystem::file_time_type written = {};
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  static Stamp stamp_of(const std::filesystem::path& file);

  struct File {
    std::string name;  ///< below the folder of its class
    std::int64_t label;
    // Of a file that was checked:
    std::string sha256 = {};
    Stamp stamp = {};
    Size2 size = {};
  };

  ImageFolder(const std::filesystem::path& root, Options options, FoundImages found);
  void check_files();

  std::filesystem::path root_;
  Options options_;
  std::vector<File> files_;
  std::vector<LeftOut> left_out_;
};

}  // namespace octet
