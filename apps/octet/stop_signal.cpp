// SPDX-License-Identifier: Apache-2.0
#include "stop_signal.h"

#include <csignal>

namespace {

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only write lock-free atomics");

extern "C" void request_stop(int) { stop_requested = true; }

}  // namespace

const std::atomic<bool>& catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop_requested;
}
