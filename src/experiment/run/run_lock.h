// SPDX-License-Identifier: Apache-2.0
// One run at a time in a directory. Private to the room.
#pragma once

#include <filesystem>

namespace octet::detail {

/// Holds a run directory until the end of its life. The lock is the kernel's: it ends with the process, however that
/// ends, and holds between two runs of one process as well. Its children do not have it, neither programs that it
/// starts nor forks of itself.
class RunLock {
 public:
  /// Throws Error (directory, who holds it) if another run is in it, and if the file "lock" cannot be made there.
  explicit RunLock(const std::filesystem::path& directory);
  /// The file goes, too.
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  int process_;
};

}  // namespace octet::detail
