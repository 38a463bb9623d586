// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, SIGTERM and SIGHUP as a flag that a run looks at.
#pragma once

#include <csignal>

#include <array>
#include <atomic>

/// During its life the first SIGINT, SIGTERM or SIGHUP sets a flag, and a second SIGINT or SIGTERM ends the process. A
/// window that closes sends SIGHUP twice, from the shell and from the system: no more of them are heeded, to the end of
/// the process. A signal that was ignored before (nohup, jobs in the background of a script) stays ignored. Files that
/// are at their limit of size (SIGXFSZ) are an error of the writer meanwhile. One object at a time.
class StopSignals {
 public:
  StopSignals();
  /// They do what they did before, but for a SIGHUP that has come.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  const std::atomic<bool>& requested() const;
  /// The one that came first; 0: none.
  static int signal();

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
  struct sigaction before_at_limit_ {};
};
