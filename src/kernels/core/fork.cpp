// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/core/fork.h"

#include <omp.h>
#include <pthread.h>

namespace octet::kernels {
namespace {

void before_fork() {
  omp_pause_resource_all(omp_pause_hard);  // ends this thread's pool; within a parallel region it does nothing
  lock_memory_pool();
}

}  // namespace

void survive_forks() {
  [[maybe_unused]] static const int registered = pthread_atfork(before_fork, unlock_memory_pool, unlock_memory_pool);
}

}  // namespace octet::kernels
