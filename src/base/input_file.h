// SPDX-License-Identifier: Apache-2.0
// A regular file that is read in pieces: its start first, to judge what follows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace octet {

/// A file open for reading, closed at the end of its life. Pipes, devices and sockets are refused: they have no size to
/// hold a limit against, and to open or read one may wait for ever.
class InputFile {
 public:
  /// Throws Error (path, reason), also for directories.
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// The size the system reports: 0 for the files of /proc, and any file may grow later.
  std::uint64_t reported_size() const { return reported_size_; }

  /// Fills `buffer` from the current position unless the file ends before. Returns the bytes read. Throws Error.
  std::size_t read(std::span<std::byte> buffer);
  /// `count` bytes from `begin` on, whatever the current position. Throws Error (path, byte) if the file has become
  /// shorter, and if there is not enough memory.
  std::string bytes(std::uint64_t begin, std::uint64_t count) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t reported_size_ = 0;
};

/// Makes `contents`, which are those of the file at `path`, `size` bytes long. Throws Error (path, size) if there is
/// not enough memory.
void resize_contents(std::string& contents, std::uint64_t size, const std::filesystem::path& path);

}  // namespace octet
