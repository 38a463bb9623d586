// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "octet/base/error.h"

void open_standard_files() {
  // open() takes the lowest number that is free. Read-only, so that output fails and is not thought to be written.
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) return;
}

void require_output() {
  errno = 0;
  std::cout.flush();
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  // Of what a library flushed the reason is lost.
  octet::require(written, "standard output: cannot write", errno ? ": " : "", errno ? std::strerror(errno) : "");
}

void drop_lost_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  // Which drops what waits to be written as well.
  if (!std::freopen("/dev/null", "w", stdout)) std::clearerr(stdout);
}
