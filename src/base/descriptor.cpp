// SPDX-License-Identifier: Apache-2.0
#include "octet/base/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet::detail {

void fail_errno(const std::filesystem::path& path, const char* action, int error) {
  fail(printable(path.string()), ": ", action, ": ", std::system_category().message(error));
}

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail_errno(path_, "cannot open", errno);
  struct stat status {};
  const int failed = ::fstat(descriptor_, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
  if (failed) {
    ::close(descriptor_);
    fail_errno(path_, "cannot read", failed);
  }
  reported_size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

std::size_t InputFile::read(std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t count = ::read(descriptor_, buffer.data() + filled, buffer.size() - filled);
    if (count == 0) break;
    if (count > 0)
      filled += static_cast<std::size_t>(count);
    else if (errno != EINTR)
      fail_errno(path_, "cannot read", errno);
  }
  return filled;
}

}  // namespace octet::detail
