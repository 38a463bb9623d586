// SPDX-License-Identifier: Apache-2.0
// log.jsonl: what happened in a run, one JSON value per line. Private to the room.
#pragma once

#include <cstdint>
#include <filesystem>

#include "octet/config/document.h"

namespace octet::detail {

class RunLog {
 public:
  /// Opens the file, or makes it, and cuts it to its first `bytes` bytes: what a resumed run will write again goes. A
  /// file that is shorter already is cut behind its last whole line. Throws Error (path, reason), also if the path is a
  /// link or no regular file.
  RunLog(std::filesystem::path path, std::uint64_t bytes);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  /// Appends a line and hands it to the system. On failure the file ends with the line before, and Error (path, reason)
  /// is thrown.
  void append(const Document& line);
  /// Forces all lines to the disk. Throws Error (path, reason).
  void sync();

  std::uint64_t bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t bytes_;
};

}  // namespace octet::detail
