// SPDX-License-Identifier: Apache-2.0
#include "octet/base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "octet/base/descriptor.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet {

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  detail::InputFile file(path);
  require(file.reported_size() <= max_bytes, path.string(), ": the file has ", file.reported_size(),
          " bytes, more than the limit of ", max_bytes);
  constexpr std::uint64_t kLeast = 4096;
  std::string contents;
  std::uint64_t filled = 0;
  // One byte above what is expected, so that the end of the file shows in the same read.
  std::uint64_t capacity = std::max(file.reported_size(), kLeast) + 1;
  for (;;) {
    contents.resize(capacity);
    filled += file.read(std::as_writable_bytes(std::span(contents)).subspan(filled));
    require(filled <= max_bytes, path.string(), ": the file has more bytes than the limit of ", max_bytes);
    if (filled < capacity) break;
    capacity += std::min(capacity, max_bytes + 1 - capacity);
  }
  contents.resize(filled);
  return contents;
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)), temporary_(path_) {
  temporary_ += ".tmp." + std::to_string(::getpid());
  // A stale file of a killed process that had the same number goes; O_EXCL never follows a link that someone put there.
  ::unlink(temporary_.c_str());
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) detail::fail_errno(path_, "cannot create", errno);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::write(std::span<const std::byte> bytes) {
  require(descriptor_ >= 0, path_.string(), ": write: the file is committed or has failed");
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    else if (errno != EINTR)
      fail_after("cannot write");
  }
}

void AtomicFile::commit() {
  require(descriptor_ >= 0, path_.string(), ": commit: the file is committed or has failed");
  if (::fsync(descriptor_) != 0) fail_after("cannot write");
  // Network file systems report a full disk as late as here.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_after("cannot write");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail_after("cannot replace");
  temporary_.clear();
  // The new name shall reach the disk as well. Not every file system can do that, and the file is whole either way.
  const std::filesystem::path directory = path_.has_parent_path() ? path_.parent_path() : ".";
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::fail_after(const char* action) {
  const int error = errno;
  discard();
  detail::fail_errno(path_, action, error);
}

void make_parent_folders(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  require(!error, printable(folder.string()), ": cannot make the folder: ", error.message());
}

void write_file_atomically(const std::filesystem::path& path, std::string_view contents) {
  AtomicFile file(path);
  file.write(contents);
  file.commit();
}

}  // namespace octet
