// SPDX-License-Identifier: Apache-2.0
#include "octet/data/image_folder.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/sha256.h"
#include "octet/base/utf8.h"
#include "octet/data/find_images.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kErrorsShown = 5;

// Calls work(0), ..., work(count - 1), by `threads` threads beside this one.
template <typename Work>
void in_parallel(std::size_t count, int threads, const Work& work) {
  std::atomic<std::size_t> next = 0;
  const auto some = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(some);
  some();
}

}  // namespace

ImageFolder::ImageFolder(const fs::path& root, Options options) : ImageFolder(root, options, find_images(root)) {}

ImageFolder::ImageFolder(const fs::path& root, Options options, FoundImages found)
    : Dataset(std::move(found.classes)), root_(root), options_(options), left_out_(std::move(found.left_out)) {
  require(options_.channels == 1 || options_.channels == 3, "ImageFolder: channels must be 1 or 3 (", options_.channels,
          ")");
  for (std::int64_t label = 0; label < classes(); ++label) {
    for (std::string& name : found.files[static_cast<std::size_t>(label)])
      files_.push_back({.name = std::move(name), .label = label});
  }
  if (options_.check != Check::kNone) check_files();
}

void ImageFolder::check_files() {
  std::vector<std::string> errors(files_.size());
  in_parallel(files_.size(), options_.workers, [&](std::size_t i) {
    try {
      const fs::path file = path(static_cast<std::int64_t>(i));
      files_[i].stamp = stamp_of(file);
      const std::string bytes = read_file(file, options_.limits.max_file_bytes);
      files_[i].sha256 = sha256(bytes);
      const Image image = decode_image(bytes, options_.channels, file.string(), options_.limits);
      files_[i].size = {image.height, image.width};
    } catch (const std::exception& error) {
      errors[i] = error.what();
    }
  });
  LeftOut unreadable{.reason = "unreadable"};
  std::vector<File> readable;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (errors[i].empty()) {
      readable.push_back(std::move(files_[i]));
    } else {
      unreadable.files.push_back(std::move(errors[i]));
    }
  }
  if (unreadable.files.empty()) return files_.swap(readable);
  unreadable.count = static_cast<std::int64_t>(unreadable.files.size());
  if (options_.check == Check::kStop) {
    std::string shown;
    for (std::size_t i = 0; i < std::min(unreadable.files.size(), kErrorsShown); ++i)
      shown += "\n  " + unreadable.files[i];
    fail("ImageFolder: ", printable(root_.string()), ": ", unreadable.count, " of ", files_.size(),
         " image files cannot be read; mend or remove them, or leave them out (on_unreadable: skip):", shown,
         unreadable.files.size() > kErrorsShown ? "\n  ..." : "");
  }
  files_.swap(readable);
  left_out_.push_back(std::move(unreadable));
  for (std::int64_t label = 0; label < classes(); ++label)
    require(std::ranges::count(files_, label, &File::label) > 0,
            "ImageFolder: ", printable((root_ / class_names()[static_cast<std::size_t>(label)]).string()),
            ": none of the images can be read");
}

fs::path ImageFolder::path(std::int64_t index) const {
  require(index >= 0 && index < size(), "ImageFolder: index ", index, " is outside of ", size(), " samples");
  const File& file = files_[static_cast<std::size_t>(index)];
  return root_ / class_names()[static_cast<std::size_t>(file.label)] / file.name;
}

std::string ImageFolder::sample_name(std::int64_t index) const { return path(index).string(); }

Sample ImageFolder::get(std::int64_t index) const {
  const fs::path name = path(index);
  const File& file = files_[static_cast<std::size_t>(index)];
  const std::string bytes = read_file(name, options_.limits.max_file_bytes);
  // The stamp is looked at behind the reading, so that nothing changes unseen between the two.
  require(file.sha256.empty() || stamp_of(name) == file.stamp || sha256(bytes) == file.sha256, name.string(),
          ": has been changed since it was checked, before the first step");
  return {.image = decode_image(bytes, options_.channels, name.string(), options_.limits), .label = file.label};
}

ImageFolder::Stamp ImageFolder::stamp_of(const fs::path& file) {
  std::error_code ignored;  // a file that is gone has no stamp, and reading it says why
  return {.bytes = fs::file_size(file, ignored), .written = fs::last_write_time(file, ignored)};
}

std::vector<std::int64_t> ImageFolder::one_of_each_size() const {
  std::set<std::pair<std::int64_t, std::int64_t>> sizes;
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < size(); ++i) {
    const Size2& size = files_[static_cast<std::size_t>(i)].size;
    if (sizes.emplace(size.h, size.w).second) indices.push_back(i);
  }
  return indices;
}

std::string ImageFolder::content_hash() const {
  Sha256 hash;
  hash.update(text("image folder, channels ", options_.channels, '\n'));
  for (std::int64_t i = 0; i < size(); ++i) {
    const File& file = files_[static_cast<std::size_t>(i)];
    hash.update(class_names()[static_cast<std::size_t>(file.label)] + '/' + file.name + '\n');
    hash.update((file.sha256.empty() ? sha256_file(path(i)) : file.sha256) + '\n');
  }
  return hash.hex_digest();
}

}  // namespace octet
