// SPDX-License-Identifier: Apache-2.0
#include "octet/data/dataset.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "octet/base/error.h"
#include "octet/base/sha256.h"

namespace octet {

InMemoryDataset::InMemoryDataset(LabelledImages images, std::vector<std::string> class_names)
    : Dataset(std::move(class_names)), images_(std::move(images)) {
  require(size() > 0, "InMemoryDataset: there are no images");
  require(images_.height > 0 && images_.width > 0 && images_.channels > 0,
          "InMemoryDataset: height, width and channels must be positive (", images_.height, ", ", images_.width, ", ",
          images_.channels, ")");
  const auto pixels = static_cast<std::int64_t>(images_.pixels.size());
  require(pixels == size() * images_.height * images_.width * images_.channels, "InMemoryDataset: ", size(),
          " images of ", images_.height, 'x', images_.width, 'x', images_.channels, " do not have ", pixels, " pixels");
  for (std::size_t i = 0; i < images_.labels.size(); ++i) {
    const std::int64_t label = images_.labels[i];
    require(label >= 0 && label < classes(), "InMemoryDataset: label ", label, " of sample ", i,
            " is not below the number of classes (", classes(), ")");
  }
}

Sample InMemoryDataset::get(std::int64_t index) const {
  require(index >= 0 && index < size(), "InMemoryDataset: index ", index, " is outside of ", size(), " samples");
  Sample sample{.image = {.height = images_.height, .width = images_.width, .channels = images_.channels},
                .label = images_.labels[static_cast<std::size_t>(index)]};
  const std::int64_t pixels = images_.height * images_.width * images_.channels;
  const auto first = images_.pixels.begin() + index * pixels;
  sample.image.pixels.assign(first, first + pixels);
  return sample;
}

std::string InMemoryDataset::sample_name(std::int64_t index) const {
  const auto next = std::ranges::upper_bound(images_.files, index, {}, &ImagesFile::first);
  if (next == images_.files.begin()) return Dataset::sample_name(index);
  const ImagesFile& file = *std::prev(next);
  return text(file.path, ": sample ", index - file.first);
}

std::string InMemoryDataset::content_hash() const {
  Sha256 hash;
  hash.update(text("images ", size(), ' ', images_.height, ' ', images_.width, ' ', images_.channels, '\n'));
  for (const std::string& name : class_names()) hash.update(name + '\n');
  hash.update(std::as_bytes(std::span(images_.labels)));
  hash.update(std::as_bytes(std::span(images_.pixels)));
  return hash.hex_digest();
}

std::vector<std::string> numbered_classes(std::int64_t count) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace octet
