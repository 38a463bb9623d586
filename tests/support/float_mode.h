// SPDX-License-Identifier: Apache-2.0
// What a program may have set before it calls the library: how this thread rounds, and what it does with denormals.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cfenv>
#include <string>
#include <vector>

namespace octet::test {

enum class FloatMode { kUpward, kDownward, kTowardZero, kFlushToZero };

inline std::string name_of(FloatMode mode) {
  constexpr const char* kNames[] = {"upward", "downward", "toward zero", "flush to zero"};
  return kNames[static_cast<int>(mode)];
}

inline const std::vector<FloatMode> kFloatModes = {
    FloatMode::kUpward,
    FloatMode::kDownward,
    FloatMode::kTowardZero,
#if defined(__x86_64__)
    FloatMode::kFlushToZero,
#endif
};

/// Sets the mode of this thread and puts the one before back.
class FloatModeScope {
 public:
  explicit FloatModeScope(FloatMode mode) {
    std::fegetenv(&before_);
    constexpr int kRoundings[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    if (mode != FloatMode::kFlushToZero) std::fesetround(kRoundings[static_cast<int>(mode)]);
#if defined(__x86_64__)
    constexpr unsigned kFlush = 0x8040;  // results and operands
    if (mode == FloatMode::kFlushToZero) _mm_setcsr(_mm_getcsr() | kFlush);
#endif
  }
  ~FloatModeScope() { std::fesetenv(&before_); }
  FloatModeScope(const FloatModeScope&) = delete;
  FloatModeScope& operator=(const FloatModeScope&) = delete;

 private:
  std::fenv_t before_;
};

}  // namespace octet::test
