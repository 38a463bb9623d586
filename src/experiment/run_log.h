// SPDX-License-Identifier: Apache-2.0
// log.jsonl: what happened in a run, one JSON value per line. Private to the room.
#pragma once

#include <cstdint>
#include <filesystem>

#include "octet/base/document.h"

namespace octet::detail {

class RunLog {
 public:
  /// Opens the file, or makes it, and cuts it to its first `bytes` bytes: what a resumed run will write again goes.
  /// Throws Error (path, reason), also if the file is shorter.
  RunLog(std::filesystem::path path, std::uint64_t bytes);

  /// Appends a line and hands it to the system. On failure the file ends with the line before, and Error (path, reason)
  /// is thrown.
  void append(const Document& line);

  std::uint64_t bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  std::uint64_t bytes_;
};

}  // namespace octet::detail
