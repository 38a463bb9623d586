// SPDX-License-Identifier: Apache-2.0
#include "octet/base/file.h"

#include <algorithm>
#include <system_error>

#include "octet/base/error.h"
#include "octet/base/input_file.h"
#include "octet/base/utf8.h"

namespace octet {

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  InputFile file(path);
  require(file.reported_size() <= max_bytes, path.string(), ": the file has ", file.reported_size(),
          " bytes, more than the limit of ", max_bytes);
  constexpr std::uint64_t kLeast = 4096;
  std::string contents;
  std::uint64_t filled = 0;
  // One byte above what is expected, so that the end of the file shows in the same read.
  std::uint64_t capacity = std::max(file.reported_size(), kLeast) + 1;
  for (;;) {
    resize_contents(contents, capacity, path);
    filled += file.read(std::as_writable_bytes(std::span(contents)).subspan(filled));
    require(filled <= max_bytes, path.string(), ": the file has more bytes than the limit of ", max_bytes);
    if (filled < capacity) break;
    capacity += std::min(capacity, max_bytes + 1 - capacity);
  }
  contents.resize(filled);
  return contents;
}

void make_parent_folders(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  require(!error, printable(folder.string()), ": cannot make the folder: ", error.message());
}

void write_file_atomically(const std::filesystem::path& path, std::string_view contents) {
  AtomicFile file(path);
  file.write(contents);
  file.commit();
}

}  // namespace octet
