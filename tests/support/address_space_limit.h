// SPDX-License-Identifier: Apache-2.0
// A machine with little memory for tests.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace octet::test {

/// The process may take `bytes` more than it has now, and not a byte beyond.
class AddressSpaceLimit {
 public:
  explicit AddressSpaceLimit(std::int64_t bytes) {
    ::getrlimit(RLIMIT_AS, &old_);
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;  // its first number is the size of the address space
    const rlimit limit{pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + static_cast<rlim_t>(bytes),
                       old_.rlim_max};
    ::setrlimit(RLIMIT_AS, &limit);
  }
  ~AddressSpaceLimit() { ::setrlimit(RLIMIT_AS, &old_); }
  AddressSpaceLimit(const AddressSpaceLimit&) = delete;
  AddressSpaceLimit& operator=(const AddressSpaceLimit&) = delete;

 private:
  rlimit old_{};
};

}  // namespace octet::test
