// SPDX-License-Identifier: Apache-2.0
// Whole files: read with a limit, written so that no reader ever sees half of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace octet {

/// All bytes of a file. Throws Error (path, reason) if it is missing, unreadable, a directory or longer than
/// `max_bytes`; the limit holds before memory is taken, and for files whose size is not known beforehand.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// A file written in pieces that takes its name only in commit(): until then, and after any failure, a file that had
/// the name before stays as it was. One writer per path at a time in a process.
class AtomicFile {
 public:
  /// Opens `<path>.tmp.<pid>` beside the target. Throws Error (path, reason).
  explicit AtomicFile(std::filesystem::path path);
  /// Without commit() the temporary file is removed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends, unbuffered. Throws Error (path, reason) when the disk is full or fails; the temporary file is then gone.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Forces the bytes to the disk and renames the file to its target. Throws Error likewise.
  void commit();

 private:
  void discard() noexcept;
  [[noreturn]] void fail_after(const char* action);

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

/// Makes the folders above `path` that are missing. Throws Error (folder, reason).
void make_parent_folders(const std::filesystem::path& path);

/// Replaces the file, or leaves the old one untouched and throws Error (path, reason).
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

}  // namespace octet
