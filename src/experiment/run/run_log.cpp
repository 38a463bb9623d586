// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/run_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "octet/base/descriptor.h"
#include "octet/base/error.h"

namespace octet::detail {
namespace {

/// The place behind the last line end among the first `size` bytes.
std::uint64_t end_of_lines(int descriptor, std::uint64_t size) {
  std::array<char, 4096> buffer;
  while (size > 0) {
    const std::uint64_t length = std::min<std::uint64_t>(size, buffer.size());
    const ssize_t count = ::pread(descriptor, buffer.data(), length, static_cast<off_t>(size - length));
    if (count != static_cast<ssize_t>(length)) return 0;
    const std::size_t end = std::string_view(buffer.data(), length).rfind('\n');
    if (end != std::string_view::npos) return size - length + end + 1;
    size -= length;
  }
  return 0;
}

}  // namespace

RunLog::RunLog(std::filesystem::path path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {
  // O_NONBLOCK: a pipe without a reader is refused, and not waited for.
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (descriptor_ < 0 && errno == ELOOP) fail(path_.string(), ": cannot open for writing: it is a link");
  if (descriptor_ < 0) fail_errno(path_, "cannot open for writing", errno);
  const auto fail_closing = [&](const char* action, int error) {
    ::close(descriptor_);
    fail_errno(path_, action, error);
  };
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail_closing("cannot tell its size", errno);
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    fail(path_.string(), ": cannot open for writing: it is no regular file");
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < bytes_) bytes_ = end_of_lines(descriptor_, size);
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes_)) != 0) fail_closing("cannot shorten", errno);
}

RunLog::~RunLog() { ::close(descriptor_); }

void RunLog::append(const Document& line) {
  const std::string whole = to_json(line) + '\n';
  for (std::string_view rest = whole; !rest.empty();) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      const int error = errno;
      // What stays if this fails as well is cut when the run is resumed.
      [[maybe_unused]] const int ignored = ::ftruncate(descriptor_, static_cast<off_t>(bytes_));
      fail_errno(path_, "cannot write", error);
    }
  }
  bytes_ += whole.size();
}

void RunLog::sync() {
  if (::fsync(descriptor_) != 0) fail_errno(path_, "cannot write", errno);
}

}  // namespace octet::detail
