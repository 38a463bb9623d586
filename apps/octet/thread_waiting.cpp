// SPDX-License-Identifier: Apache-2.0
#include "thread_waiting.h"

#include <unistd.h>

#include <cstdlib>
#include <initializer_list>

void let_waiting_threads_sleep(char** argv) {
  // Who binds threads to cores has cores to himself; and this thread is bound by now, which the program started anew
  // would inherit as all the cores it has.
  for (const char* const chosen :
       {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"})
    if (std::getenv(chosen)) return;
  if (setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/1) != 0) return;
  execv("/proc/self/exe", argv);
}
