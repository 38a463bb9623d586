// SPDX-License-Identifier: Apache-2.0
// AtomicFile of file.h. A temporary file is locked (flock) as long as its writer lives: the kernel lets go of the lock
// when a process dies, however it dies, so that a file that can be locked is nobody's any more. Numbers of processes
// alone would not tell: they come again, and mean nothing in another container or on another machine.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "octet/base/descriptor.h"
#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = ".tmp.";

/// What a chain of links ends at, which may not exist yet.
fs::path behind_links(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as Linux has it
  std::error_code error;
  fs::path target = path;
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    if (links == kMostLinks) detail::fail_errno(path, "cannot create", ELOOP);
    const fs::path next = fs::read_symlink(target, error);
    if (error) detail::fail_errno(path, "cannot create", error.value());
    target = next.is_absolute() ? next : target.parent_path() / next;
  }
  return target;
}

/// Opens what is written to as it is. None for what is replaced: a regular file, or nothing yet.
std::optional<int> open_special(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return std::nullopt;
  if (S_ISDIR(status.st_mode)) detail::fail_errno(path, "cannot replace", EISDIR);
  require(S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode), printable(path.string()), ": cannot write: it is ",
          detail::kind_of(status.st_mode), ", and only regular files, pipes and character devices are written");
  // Without O_NONBLOCK a pipe would wait for a reader, perhaps for ever.
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0 && errno == ENXIO && S_ISFIFO(status.st_mode))
    fail(printable(path.string()), ": cannot write: nobody reads from this pipe");
  if (descriptor < 0) detail::fail_errno(path, "cannot open for writing", errno);
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
  return descriptor;
}

/// The number of the process in the name of a temporary file, if it is one.
std::optional<pid_t> writer_of(std::string_view name) {
  const std::size_t mark = name.rfind(kMark);
  if (mark == name.npos || mark == 0) return std::nullopt;
  const std::string_view digits = name.substr(mark + kMark.size());
  pid_t process = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), process);
  return error == std::errc() && end == digits.data() + digits.size() && process > 0 ? std::optional(process)
                                                                                     : std::nullopt;
}

/// Whether locks may be unknown to other machines that write to the same disk.
bool is_shared(int descriptor) {
  constexpr std::array<std::uint32_t, 8> kShared = {
      0x6969,     0xFF534D42, 0xFE534D42, 0x65735546,   // NFS, SMB, FUSE
      0x01021997, 0x00C36400, 0x0BD00BD0, 0x5346414F};  // 9P, Ceph, Lustre
  struct statfs system {};
  return ::fstatfs(descriptor, &system) != 0 ||
         std::ranges::count(kShared, static_cast<std::uint32_t>(system.f_type)) > 0;
}

/// Removes a temporary file if nobody holds it. `careful`: on disks that other machines write to, not before a day has
/// passed.
void remove_if_stale(const fs::path& path, bool careful) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return;
  if (!S_ISREG(status.st_mode)) {  // no writer makes such
    if (S_ISLNK(status.st_mode)) ::unlink(path.c_str());
    return;
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return;
  constexpr std::time_t kDay = 24 * 60 * 60;
  const bool settled = !careful || !is_shared(descriptor) || std::time(nullptr) - status.st_mtime > kDay;
  if (settled && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
  ::close(descriptor);
}

/// Removes what dead processes left: all temporary files of a directory, or those whose names start so.
void remove_stale(const fs::path& directory, std::string_view start) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::optional<pid_t> writer = name.starts_with(start) ? writer_of(name) : std::nullopt;
    // A writer of another version of Octet may hold no lock, but it lives.
    if (writer && ::kill(*writer, 0) != 0 && errno == ESRCH) remove_if_stale(entry->path(), /*careful=*/true);
  }
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : "."; }

}  // namespace

void remove_stale_temporaries(const fs::path& directory) { remove_stale(directory, ""); }

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  if (const std::optional<int> special = open_special(path_)) {
    descriptor_ = *special;
    return;
  }
  target_ = behind_links(path_);
  const std::string start = target_.filename().string() + std::string(kMark);
  remove_stale(folder_of(target_), start);
  temporary_ = target_;
  temporary_ += std::string(kMark) + std::to_string(::getpid());
  create_temporary();
}

void AtomicFile::create_temporary() {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    // A stale file of a killed process that had the same number goes; O_EXCL never follows a link that someone put
    // there.
    remove_if_stale(temporary_, /*careful=*/false);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      const int error = errno;
      const std::string name = printable(temporary_.filename().string());
      temporary_.clear();  // it is not ours
      require(error != EEXIST, printable(path_.string()), ": cannot create: somebody else is writing ", name);
      detail::fail_errno(path_, "cannot create", error);
    }
    // Where there are no locks, the file is written without one. Another process may have taken the new file for a
    // stale one before it was locked: then it has lost its name.
    struct stat status {};
    const bool held = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (held && ::fstat(descriptor_, &status) == 0 && status.st_nlink > 0) return;
    ::close(std::exchange(descriptor_, -1));
    std::this_thread::yield();
  }
  temporary_.clear();
  fail(printable(path_.string()), ": cannot create: its temporary file was removed again and again");
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::write(std::span<const std::byte> bytes) {
  require(descriptor_ >= 0, printable(path_.string()), ": write: the file is committed or has failed");
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    else if (errno != EINTR)
      fail_after("cannot write");
  }
}

void AtomicFile::commit() {
  require(descriptor_ >= 0, printable(path_.string()), ": commit: the file is committed or has failed");
  // Pipes and devices have nothing to force to a disk, and say so.
  const bool special = temporary_.empty();
  if (::fsync(descriptor_) != 0 && !(special && (errno == EINVAL || errno == ENOTSUP || errno == EROFS)))
    fail_after("cannot write");
  // The lock lives until the file has its name: whoever finds the temporary file before leaves it alone.
  const int lock = special ? -1 : ::dup(descriptor_);
  // Network file systems report a full disk as late as here.
  const bool closed = ::close(std::exchange(descriptor_, -1)) == 0;
  const bool renamed = closed && (special || std::rename(temporary_.c_str(), target_.c_str()) == 0);
  const int error = errno;
  if (lock >= 0) ::close(lock);
  errno = error;
  if (!renamed) fail_after(closed ? "cannot replace" : "cannot write");
  temporary_.clear();
  if (special) return;
  // The new name shall reach the disk as well. Not every file system can do that, and the file is whole either way.
  sync_folder(folder_of(target_));
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

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace octet
