// SPDX-License-Identifier: Apache-2.0
#include "stop_signal.h"

namespace {

std::atomic<bool> stop_requested = false;
std::atomic<int> stop_signal = 0;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "a signal handler may only write lock-free atomics");

extern "C" void request_stop(int signal) {
  int none = 0;
  stop_signal.compare_exchange_strong(none, signal);
  stop_requested = true;
}

}  // namespace

StopSignals::StopSignals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    action.sa_flags = kSignals[i] == SIGHUP ? SA_RESTART : SA_RESTART | SA_RESETHAND;
    sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &ignore, &before_at_limit_);
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    if (kSignals[i] != SIGHUP || stop_signal != SIGHUP) sigaction(kSignals[i], &before_[i], nullptr);
  sigaction(SIGXFSZ, &before_at_limit_, nullptr);
}

const std::atomic<bool>& StopSignals::requested() const { return stop_requested; }

int StopSignals::signal() { return stop_signal; }
