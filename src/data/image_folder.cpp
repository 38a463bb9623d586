// SPDX-License-Identifier: Apache-2.0
#include "octet/data/image_folder.h"

#include <algorithm>

#include "octet/base/error.h"
#include "octet/base/sha256.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

// Names of what `wanted` accepts in a folder, in byte order; hidden entries do not count.
template <typename Wanted>
std::vector<std::string> sorted_names(const fs::path& folder, Wanted wanted) {
  std::vector<std::string> names;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      std::string name = entry.path().filename().string();
      if (!name.starts_with('.') && wanted(entry)) names.push_back(std::move(name));
    }
  } catch (const fs::filesystem_error& error) {
    fail("ImageFolder: ", printable(folder.string()), ": cannot be listed (", error.code().message(), ")");
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> class_folders(const fs::path& root) {
  auto names = sorted_names(root, [](const fs::directory_entry& entry) { return entry.is_directory(); });
  require(!names.empty(), "ImageFolder: ", root.string(), ": there are no class folders");
  return names;
}

bool is_image(const fs::directory_entry& entry) {
  std::string extension = entry.path().extension().string();
  for (char& c : extension) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const bool known = extension == ".png" || extension == ".jpg" || extension == ".jpeg" || extension == ".bmp";
  return known && entry.is_regular_file();
}

}  // namespace

ImageFolder::ImageFolder(const fs::path& root, Options options)
    : Dataset(class_folders(root)), root_(root), options_(options) {
  require(options_.channels == 1 || options_.channels == 3, "ImageFolder: channels must be 1 or 3 (", options_.channels,
          ")");
  for (std::int64_t label = 0; label < classes(); ++label) {
    const std::string& folder = class_names()[static_cast<std::size_t>(label)];
    std::vector<std::string> names = sorted_names(root_ / folder, is_image);
    require(!names.empty(), "ImageFolder: ", (root_ / folder).string(), ": there are no png, jpg, jpeg or bmp files");
    for (std::string& name : names) files_.push_back({std::move(name), label});
  }
}

fs::path ImageFolder::path(std::int64_t index) const {
  require(index >= 0 && index < size(), "ImageFolder: index ", index, " is outside of ", size(), " samples");
  const File& file = files_[static_cast<std::size_t>(index)];
  return root_ / class_names()[static_cast<std::size_t>(file.label)] / file.name;
}

Sample ImageFolder::get(std::int64_t index) const {
  return {.image = read_image(path(index), options_.channels, options_.limits),
          .label = files_[static_cast<std::size_t>(index)].label};
}

std::string ImageFolder::content_hash() const {
  Sha256 hash;
  hash.update(text("image folder, channels ", options_.channels, '\n'));
  for (std::int64_t i = 0; i < size(); ++i) {
    const File& file = files_[static_cast<std::size_t>(i)];
    hash.update(class_names()[static_cast<std::size_t>(file.label)] + '/' + file.name + '\n');
    hash.update(sha256_file(path(i)) + '\n');
  }
  return hash.hex_digest();
}

}  // namespace octet
