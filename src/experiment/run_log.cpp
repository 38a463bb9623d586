// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run_log.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include "octet/base/error.h"

namespace octet::detail {

RunLog::RunLog(std::filesystem::path path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  require(file.is_open(), path_.string(), ": cannot open for writing: ", std::strerror(errno));
  file.close();
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path_, error);
  require(!error, path_.string(), ": cannot tell its size: ", error.message());
  require(size >= bytes_, path_.string(), ": the log is shorter than it was at the checkpoint (", size, " bytes, ",
          bytes_, " then)");
  std::filesystem::resize_file(path_, bytes_, error);
  require(!error, path_.string(), ": cannot shorten: ", error.message());
}

void RunLog::append(const Document& line) {
  const std::string text = to_json(line) + '\n';
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  errno = 0;
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) {
    const std::string reason = errno ? std::strerror(errno) : "unknown reason";
    std::error_code ignored;
    std::filesystem::resize_file(path_, bytes_, ignored);
    fail(path_.string(), ": cannot write: ", reason);
  }
  bytes_ += text.size();
}

}  // namespace octet::detail
