// SPDX-License-Identifier: Apache-2.0
#include "octet/base/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <stdexcept>
#include <utility>

#include "octet/base/descriptor.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

void require_regular(const std::filesystem::path& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) detail::fail_errno(path, "cannot read", EISDIR);
  require(S_ISREG(status.st_mode), printable(path.string()), ": cannot read: it is ", detail::kind_of(status.st_mode),
          ", and only regular files are read");
}

}  // namespace

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
  // Looked at before it is opened, because opening some devices does something.
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) detail::fail_errno(path_, "cannot open", errno);
  require_regular(path_, status);
  // A pipe that has taken the name meanwhile would wait for a writer, but for O_NONBLOCK.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor_ < 0) detail::fail_errno(path_, "cannot open", errno);
  try {
    if (::fstat(descriptor_, &status) != 0) detail::fail_errno(path_, "cannot read", errno);
    require_regular(path_, status);
  } catch (...) {
    ::close(descriptor_);
    throw;
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
      detail::fail_errno(path_, "cannot read", errno);
  }
  return filled;
}

std::string InputFile::bytes(std::uint64_t begin, std::uint64_t count) const {
  std::string bytes;
  resize_contents(bytes, count, path_);
  for (std::uint64_t filled = 0; filled < count;) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(begin + filled));
    if (got < 0 && errno != EINTR) detail::fail_errno(path_, "cannot read", errno);
    require(got != 0, printable(path_.string()), ": byte ", begin + filled, ": the file has become shorter");
    if (got > 0) filled += static_cast<std::uint64_t>(got);
  }
  return bytes;
}

void resize_contents(std::string& contents, std::uint64_t size, const std::filesystem::path& path) {
  const auto fail_memory = [&] { fail(printable(path.string()), ": not enough memory for ", size, " bytes of it"); };
  try {
    contents.resize(size);
  } catch (const std::bad_alloc&) {
    fail_memory();
  } catch (const std::length_error&) {
    fail_memory();
  }
}

}  // namespace octet
