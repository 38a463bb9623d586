// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/peak_memory.h"

#include <string>

#include "octet/base/error.h"
#include "octet/base/file.h"

namespace octet {

std::int64_t peak_resident_bytes() {
  const std::string status = read_file("/proc/self/status", 1 << 20), key = "VmHWM:";
  const std::size_t found = status.find(key);
  require(found != std::string::npos, "/proc/self/status: has no ", key);
  return 1024 * std::stoll(status.substr(found + key.size()));
}

}  // namespace octet
