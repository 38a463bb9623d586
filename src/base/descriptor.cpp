// SPDX-License-Identifier: Apache-2.0
#include "octet/base/descriptor.h"

#include <sys/stat.h>

#include <system_error>

#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet::detail {

void fail_errno(const std::filesystem::path& path, const char* action, int error) {
  fail(printable(path.string()), ": ", action, ": ", std::system_category().message(error));
}

const char* kind_of(unsigned st_mode) {
  if (S_ISREG(st_mode)) return "a regular file";
  if (S_ISDIR(st_mode)) return "a directory";
  if (S_ISFIFO(st_mode)) return "a pipe";
  if (S_ISCHR(st_mode)) return "a character device";
  if (S_ISBLK(st_mode)) return "a block device";
  return S_ISSOCK(st_mode) ? "a socket" : "no regular file";
}

}  // namespace octet::detail
