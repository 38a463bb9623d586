// SPDX-License-Identifier: Apache-2.0
// The order is that of torchvision, which sorts the paths of all folders first, as texts, and then the names in each.
#include "octet/data/find_images.h"

#include <algorithm>
#include <map>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kExamples = 3;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return extension;
}

class Search {
 public:
  explicit Search(const fs::path& root) : root_(root) {}

  FoundImages run() {
    FoundImages found;
    for (const fs::directory_entry& entry : entries(root_)) {
      const std::string name = entry.path().filename().string();
      std::error_code ignored;
      if (name.starts_with('.')) {
        leave_out("hidden", entry);
      } else if (entry.is_directory(ignored)) {
        require(invalid_utf8_at(name) == std::string::npos, "ImageFolder: ", printable(root_.string()),
                ": the name of the class folder ", in_quotes(name), " is not UTF-8");
        found.classes.push_back(name);
      } else {
        leave_out("in no class folder", entry);
      }
    }
    require(!found.classes.empty(), "ImageFolder: ", printable(root_.string()), ": there are no class folders");
    std::string empty;
    for (const std::string& name : found.classes) {
      found.files.push_back(files_of(root_ / name));
      if (found.files.back().empty()) empty += (empty.empty() ? "" : ", ") + printable((root_ / name).string());
    }
    for (auto& [reason, left_out] : left_out_) found.left_out.push_back(std::move(left_out));
    require(empty.empty(), "ImageFolder: ", empty, ": there are no png, jpg, jpeg or bmp files", all_left_out(found));
    return found;
  }

 private:
  /// Sorted by name.
  static std::vector<fs::directory_entry> entries(const fs::path& folder) {
    std::vector<fs::directory_entry> all;
    try {
      for (const fs::directory_entry& entry : fs::directory_iterator(folder)) all.push_back(entry);
    } catch (const fs::filesystem_error& error) {
      fail("ImageFolder: ", printable(folder.string()), ": cannot be listed (", error.code().message(), ")");
    }
    std::ranges::sort(all, {}, [](const fs::directory_entry& entry) { return entry.path().filename().string(); });
    return all;
  }

  void leave_out(const std::string& reason, const fs::directory_entry& entry) {
    LeftOut& group = left_out_[reason];
    group.reason = reason;
    ++group.count;
    if (group.files.size() < kExamples) group.files.push_back(entry.path().lexically_relative(root_).string());
  }

  static std::string all_left_out(const FoundImages& found) {
    std::string all;
    for (const LeftOut& group : found.left_out)
      all += text(all.empty() ? " (left out: " : ", ", group.count, ' ', printable(group.reason));
    return all.empty() ? all : all + ')';
  }

  std::vector<std::string> files_of(const fs::path& class_folder) {
    by_folder_.clear();
    around_ = {class_folder};
    walk(class_folder, "");
    std::vector<std::string> files;
    for (const auto& [folder, names] : by_folder_) {
      for (const std::string& name : names) files.push_back(folder.empty() ? name : folder + '/' + name);
    }
    return files;
  }

  void walk(const fs::path& folder, const std::string& relative) {
    for (const fs::directory_entry& entry : entries(folder)) {
      const std::string name = entry.path().filename().string(), extension = lower_extension(name);
      const bool image = extension == ".png" || extension == ".jpg" || extension == ".jpeg" || extension == ".bmp";
      std::error_code ignored;
      if (name.starts_with('.')) {
        leave_out("hidden", entry);
      } else if (entry.is_directory(ignored)) {
        walk_into(entry, relative.empty() ? name : relative + '/' + name);
      } else if (!entry.exists(ignored)) {
        leave_out("dead link", entry);
      } else if (!image) {
        leave_out(extension.empty() ? "without an extension" : extension, entry);
      } else if (!entry.is_regular_file(ignored)) {
        leave_out("no regular file", entry);
      } else {
        by_folder_[relative].push_back(name);
      }
    }
  }

  void walk_into(const fs::directory_entry& folder, const std::string& relative) {
    const auto same = [&](const fs::path& other) {
      std::error_code ignored;
      return fs::equivalent(folder.path(), other, ignored);
    };
    if (folder.is_symlink() && std::ranges::any_of(around_, same))
      return leave_out("link to a folder around it", folder);
    around_.push_back(folder.path());
    walk(folder.path(), relative);
    around_.pop_back();
  }

  const fs::path root_;
  std::map<std::string, LeftOut> left_out_;                    // by reason
  std::map<std::string, std::vector<std::string>> by_folder_;  // of one class
  std::vector<fs::path> around_;                               // the folders that are being walked through
};

}  // namespace

FoundImages find_images(const fs::path& root) { return Search(root).run(); }

}  // namespace octet
