// SPDX-License-Identifier: Apache-2.0
// Private to base: POSIX file descriptors with owners, retries and error texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace octet::detail {

/// Throws Error "path: action: text of errno".
[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* action, int error);

/// A file open for reading, closed at the end of its life.
class InputFile {
 public:
  /// Throws Error (path, reason), also for directories, which open() would let pass.
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Fills `buffer` from the current position unless the file ends before. Returns the bytes read. Throws Error.
  std::size_t read(std::span<std::byte> buffer);
  /// The size the system reports: 0 for pipes and the files of /proc, and any file may grow later.
  std::uint64_t reported_size() const { return reported_size_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t reported_size_ = 0;
};

}  // namespace octet::detail
