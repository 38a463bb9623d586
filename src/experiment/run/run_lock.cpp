// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/run_lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <string>
#include <vector>

#include "octet/base/descriptor.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/experiment/run/system_info.h"

namespace octet::detail {
namespace {

/// What the file says of its holder; nothing, if the holder has not written it yet.
std::string holder_in(int descriptor) {
  std::array<char, 512> buffer{};
  const ssize_t count = ::pread(descriptor, buffer.data(), buffer.size(), 0);
  std::string text(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  return text.substr(0, text.find('\n'));
}

std::string this_process() {
  std::array<char, 256> host{};
  const bool named = ::gethostname(host.data(), host.size() - 1) == 0;
  return text("process ", ::getpid(), named ? text(" on ", host.data()) : "", ", since ", now_utc());
}

/// Whether the open file still is the one of that name: a run that ended has perhaps removed it meanwhile.
bool is_at(int descriptor, const std::filesystem::path& path) {
  struct stat open {
  }, there{};
  return ::fstat(descriptor, &open) == 0 && ::lstat(path.c_str(), &there) == 0 && open.st_ino == there.st_ino &&
         open.st_dev == there.st_dev;
}

[[noreturn]] void fail_closing(int descriptor, const std::filesystem::path& path, const char* action) {
  const int error = errno;
  ::close(descriptor);
  fail_errno(path, action, error);
}

/// The descriptors that hold locks. A child of a fork() closes its copies at once: a lock ends with the last of them.
class Holding {
 public:
  static Holding& now() {
    static Holding holding;
    return holding;
  }

  std::mutex& mutex() { return mutex_; }
  void add(int descriptor) { descriptors_.push_back(descriptor); }
  void remove(int descriptor) { std::erase(descriptors_, descriptor); }

 private:
  Holding() {
    pthread_atfork([] { now().mutex_.lock(); }, [] { now().mutex_.unlock(); },
                   [] {
                     for (const int descriptor : now().descriptors_) ::close(descriptor);
                     now().descriptors_.clear();
                     now().mutex_.unlock();
                   });
  }

  std::mutex mutex_;
  std::vector<int> descriptors_;
};

}  // namespace

RunLock::RunLock(const std::filesystem::path& directory) : path_(directory / "lock"), process_(::getpid()) {
  const std::lock_guard no_fork(Holding::now().mutex());
  do {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail_errno(path_, "cannot open", errno);
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) fail_closing(descriptor_, path_, "cannot lock");
      const std::string holder = holder_in(descriptor_);
      ::close(descriptor_);
      fail(directory.string(), ": the directory is in use by another run", holder.empty() ? "" : ": ",
           printable(holder));
    }
  } while (!is_at(descriptor_, path_));
  const std::string holder = this_process() + '\n';
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size()))
    fail_closing(descriptor_, path_, "cannot write");
  Holding::now().add(descriptor_);
}

RunLock::~RunLock() {
  if (process_ != ::getpid()) return;  // a fork has no lock
  const std::lock_guard no_fork(Holding::now().mutex());
  Holding::now().remove(descriptor_);
  // While the lock is held, so that nobody's file is removed but this one.
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

}  // namespace octet::detail
