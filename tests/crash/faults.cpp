// SPDX-License-Identifier: Apache-2.0
// A library to put before the C library's (LD_PRELOAD): it counts the calls by which a process changes what lies below
// one folder, and lets one of them go wrong. So every failure that a disk can have is had once, in a known place.
//
//   OCTET_FAULT_ROOT    the folder; calls that concern other files are not counted
//   OCTET_FAULT_AT      the number of the call, from 1, that goes wrong; 0 or unset: none
//   OCTET_FAULT_KIND    fail: the call changes nothing and reports an error (the default);
//                       stay: the same for every call from then on, as a full disk does it;
//                       kill: half of what is to be written is written, and the process is killed
//   OCTET_FAULT_REPORT  a file to which each call is appended, a line "NAME PATH", by one write()
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

const char* environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

/// The absolute path of a file that may not exist yet, without regard to links.
std::string absolute(std::string_view path) {
  if (!path.empty() && path.front() == '/') return std::string(path);
  char folder[PATH_MAX];
  return getcwd(folder, sizeof folder) ? std::string(folder) + '/' + std::string(path) : std::string(path);
}

std::string path_of(int descriptor) {
  char target[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = readlink(link.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

struct Plan {
  std::string root = environment("OCTET_FAULT_ROOT"), report = environment("OCTET_FAULT_REPORT");
  std::string_view kind = environment("OCTET_FAULT_KIND");
  long at = std::atol(environment("OCTET_FAULT_AT"));
  std::atomic<long> calls{0};
};

Plan& plan() {
  static Plan instance;
  return instance;
}

void report(const char* name, const std::string& path) {
  if (plan().report.empty()) return;
  static const auto open = next<int (*)(const char*, int, ...)>("open");
  static const auto write = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  const int file = open(plan().report.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) return;
  const std::string line = std::string(name) + ' ' + path + '\n';
  if (write(file, line.data(), line.size()) < 0) std::abort();
  close(file);
}

enum class Fault { kNone, kFail, kKill };

/// What is to become of this call.
Fault fault(const char* name, const std::string& path) {
  Plan& now = plan();
  if (now.root.empty() || path.compare(0, now.root.size(), now.root) != 0) return Fault::kNone;
  const long call = ++now.calls;
  report(name, path);
  if (now.at <= 0 || call < now.at || (call > now.at && now.kind != "stay")) return Fault::kNone;
  return now.kind == "kill" ? Fault::kKill : Fault::kFail;
}

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/// For calls that have no half: true if this one is to fail, with errno set.
bool fails(const char* name, const std::string& path, int error) {
  const Fault what = fault(name, path);
  if (what == Fault::kKill) die();
  if (what == Fault::kFail) errno = error;
  return what == Fault::kFail;
}

bool makes_or_cuts(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

template <typename... Arguments>
int open_by(const char* name, const char* path, int flags, Arguments... rest) {
  static const auto original = next<int (*)(const char*, int, ...)>("open64");
  if (makes_or_cuts(flags) && fails(name, absolute(path), EACCES)) return -1;
  return original(path, flags, rest...);
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  static const auto original = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  switch (fault("write", path_of(descriptor))) {
    case Fault::kNone:
      return original(descriptor, bytes, size);
    case Fault::kFail:
      errno = ENOSPC;
      return -1;
    case Fault::kKill:
      if (original(descriptor, bytes, size / 2) < 0) die();
      die();
  }
  return -1;
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  static const auto original = next<ssize_t (*)(int, const iovec*, int)>("writev");
  if (fails("writev", path_of(descriptor), ENOSPC)) return -1;
  return original(descriptor, parts, count);
}

ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  static const auto original = next<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite");
  if (fails("pwrite", path_of(descriptor), ENOSPC)) return -1;
  return original(descriptor, bytes, size, offset);
}

int fsync(int descriptor) {
  static const auto original = next<int (*)(int)>("fsync");
  return fails("fsync", path_of(descriptor), EIO) ? -1 : original(descriptor);
}

int fdatasync(int descriptor) {
  static const auto original = next<int (*)(int)>("fdatasync");
  return fails("fdatasync", path_of(descriptor), EIO) ? -1 : original(descriptor);
}

int rename(const char* from, const char* to) {
  static const auto original = next<int (*)(const char*, const char*)>("rename");
  return fails("rename", absolute(to), EIO) ? -1 : original(from, to);
}

int link(const char* from, const char* to) {
  static const auto original = next<int (*)(const char*, const char*)>("link");
  return fails("link", absolute(to), EMLINK) ? -1 : original(from, to);
}

int unlink(const char* path) {
  static const auto original = next<int (*)(const char*)>("unlink");
  return fails("unlink", absolute(path), EBUSY) ? -1 : original(path);
}

int mkdir(const char* path, mode_t mode) {
  static const auto original = next<int (*)(const char*, mode_t)>("mkdir");
  return fails("mkdir", absolute(path), ENOSPC) ? -1 : original(path, mode);
}

int truncate(const char* path, off_t size) {
  static const auto original = next<int (*)(const char*, off_t)>("truncate");
  return fails("truncate", absolute(path), EIO) ? -1 : original(path, size);
}

int ftruncate(int descriptor, off_t size) {
  static const auto original = next<int (*)(int, off_t)>("ftruncate");
  return fails("ftruncate", path_of(descriptor), EIO) ? -1 : original(descriptor, size);
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_by("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_by("open", path, flags, mode);
}

std::FILE* fopen64(const char* path, const char* mode) {
  static const auto original = next<std::FILE* (*)(const char*, const char*)>("fopen64");
  if (mode[0] != 'r' && fails("fopen", absolute(path), EACCES)) return nullptr;
  return original(path, mode);
}

std::FILE* fopen(const char* path, const char* mode) { return fopen64(path, mode); }

// What programs call that were compiled with 64-bit offsets.
ssize_t pwrite64(int descriptor, const void* bytes, std::size_t size, off64_t offset) {
  return pwrite(descriptor, bytes, size, offset);
}
int truncate64(const char* path, off64_t size) { return truncate(path, size); }
int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

}  // extern "C"
