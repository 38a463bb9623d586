// SPDX-License-Identifier: Apache-2.0
// Dataset: labelled images by index, and the one that keeps them in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "octet/data/image.h"
#include "octet/data/labelled_images.h"

namespace octet {

struct Sample {
  Image image;
  std::int64_t label = 0;
};

/// Files that lie where a dataset is, and are no samples of it.
struct LeftOut {
  std::string reason;  ///< ".webp", "hidden", "dead link", "unreadable"
  std::int64_t count = 0;
  std::vector<std::string> files = {};  ///< the first ones; of unreadable files all, with their errors
};

/// A fixed list of labelled images. Immutable, so that the loader's threads may share it: every function may be called
/// by several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  virtual std::int64_t size() const = 0;
  /// The sample at `index` in [0, size()). Throws Error outside, and if its file cannot be read.
  virtual Sample get(std::int64_t index) const = 0;
  /// SHA-256 (hex) of all that training could see: images, labels and class names in their order. Reads everything.
  virtual std::string content_hash() const = 0;

  /// What an error about the sample at `index` calls it.
  virtual std::string sample_name(std::int64_t index) const { return "sample " + std::to_string(index); }
  virtual std::vector<LeftOut> left_out() const { return {}; }
  /// Samples that stand for all as far as the sizes of images are known: one of each size.
  virtual std::vector<std::int64_t> one_of_each_size() const { return {0}; }

  /// One name per label; labels lie in [0, classes()).
  const std::vector<std::string>& class_names() const { return class_names_; }
  std::int64_t classes() const { return static_cast<std::int64_t>(class_names_.size()); }

 protected:
  explicit Dataset(std::vector<std::string> class_names) : class_names_(std::move(class_names)) {}

 private:
  std::vector<std::string> class_names_;
};

/// Images of one size in memory.
class InMemoryDataset final : public Dataset {
 public:
  /// Throws Error if there are no images, if sizes and the number of pixels do not agree, or if a label has no name.
  InMemoryDataset(LabelledImages images, std::vector<std::string> class_names);

  std::int64_t size() const override { return static_cast<std::int64_t>(images_.labels.size()); }
  Sample get(std::int64_t index) const override;
  std::string content_hash() const override;
  /// With the file that it comes from, where that is known; the number is the one in the file.
  std::string sample_name(std::int64_t index) const override;

  const LabelledImages& images() const { return images_; }

 private:
  LabelledImages images_;
};

/// {"0", "1", ...}: names for classes that have none.
std::vector<std::string> numbered_classes(std::int64_t count);

}  // namespace octet
