// SPDX-License-Identifier: Apache-2.0
// Not inline, so that the compiler, which knows nothing of these registers, moves no arithmetic past them. What traps
// and which exceptions were seen stays the caller's.
#include "octet/base/float_environment.h"

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <cfenv>
#endif

namespace octet {
namespace {

// read() gives the bits that matter, 0 where nothing has been changed; write() sets them and no others.
#if defined(__x86_64__)

constexpr std::uint32_t kSse = 0xE040;  // flush to zero, rounding, denormals are zero
constexpr std::uint16_t kX87 = 0x0C00;  // rounding: the C library asks here when it reads or writes numbers
constexpr int kX87Place = 32;

std::uint16_t x87_control() {
  std::uint16_t control;
  asm volatile("fnstcw %0" : "=m"(control));
  return control;
}

std::uint64_t read() { return (_mm_getcsr() & kSse) | static_cast<std::uint64_t>(x87_control() & kX87) << kX87Place; }

void write(std::uint64_t bits) {
  _mm_setcsr((_mm_getcsr() & ~kSse) | static_cast<std::uint32_t>(bits));
  const auto control = static_cast<std::uint16_t>((x87_control() & ~kX87) | (bits >> kX87Place));
  asm volatile("fldcw %0" : : "m"(control));
}

#elif defined(__aarch64__)

constexpr std::uint64_t kFpcr = 0x01C80003;  // rounding, flush to zero in all its forms

std::uint64_t read() {
  std::uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  return control & kFpcr;
}

void write(std::uint64_t bits) {
  std::uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  control = (control & ~kFpcr) | bits;
  asm volatile("msr fpcr, %0" : : "r"(control) : "memory");
}

#else

std::uint64_t read() { return static_cast<std::uint64_t>(std::fegetround() - FE_TONEAREST); }
void write(std::uint64_t bits) { std::fesetround(static_cast<int>(bits) + FE_TONEAREST); }

#endif

}  // namespace

FloatEnvironment::FloatEnvironment() : before_(read()) {
  if (before_ != 0) write(0);
}

FloatEnvironment::~FloatEnvironment() {
  if (before_ != 0) write(before_);
}

}  // namespace octet
