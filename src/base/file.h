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

/// All bytes of a regular file. Throws Error (path, reason) if it is missing, unreadable, something else (a directory,
/// a pipe, a device) or longer than `max_bytes`, and if there is not enough memory; the limit holds before memory is
/// taken, and for files whose size is not known beforehand.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// A file written in pieces that takes its name only in commit(): until then, and after any failure, a file that had
/// the name before stays as it was. One writer per path at a time.
///
/// A link is followed, and what it points to is replaced. Pipes and character devices (/dev/null, a terminal) are
/// written to as they are, at once; directories, block devices and sockets are refused.
class AtomicFile {
 public:
  /// Opens `<path>.tmp.<pid>` beside the target, and removes those that killed processes left there. Throws Error
  /// (path, reason), also if somebody else is writing that file.
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
  void create_temporary();
  void discard() noexcept;
  [[noreturn]] void fail_after(const char* action);

  std::filesystem::path path_;
  std::filesystem::path target_, temporary_;  ///< both empty for what is written to as it is
  int descriptor_ = -1;
};

/// Removes the temporary files of AtomicFile that killed processes left in a directory; those of living processes stay,
/// whose files are locked. Nothing that stands in the way of that is an error.
void remove_stale_temporaries(const std::filesystem::path& directory);

/// Forces the names in a folder to the disk, if its file system can do that.
void sync_folder(const std::filesystem::path& folder);

/// Makes the folders above `path` that are missing. Throws Error (folder, reason).
void make_parent_folders(const std::filesystem::path& path);

/// Replaces the file, or leaves the old one untouched and throws Error (path, reason).
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

}  // namespace octet
