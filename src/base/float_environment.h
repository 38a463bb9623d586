// SPDX-License-Identifier: Apache-2.0
// How floats are rounded while this library computes, whatever the program around it has set.
#pragma once

#include <cstdint>

namespace octet {

/// While one lives, this thread rounds to nearest, ties to even, and keeps denormal numbers: what a program has that
/// changes nothing. Then what the thread had before is back. Every function that computes begins with one, because the
/// caller may have called std::fesetround, or flush denormals to zero (a program linked with -Ofast does, and any that
/// loads a library which was). Where nothing is to be changed it takes some nanoseconds.
class FloatEnvironment {
 public:
  FloatEnvironment();
  ~FloatEnvironment();
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace octet
