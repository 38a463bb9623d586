// SPDX-License-Identifier: Apache-2.0
#include "thread_waiting.h"

#include <unistd.h>

#include <cstdlib>

void let_waiting_threads_sleep(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  if (setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/1) != 0) return;
  execv("/proc/self/exe", argv);
}
