// SPDX-License-Identifier: Apache-2.0
// How a loop gets compiled for AVX-512, AVX2 and plain x86-64, and picked when the program starts. Private to the room.
//
// Mark the innermost function (a loop over one chunk, called from a parallel task) with OCTET_CLONES. Inside it, either
// write a plain loop that the compiler vectorises (element-wise work), or sixteen lanes by hand with Lanes (sums).
// Sixteen lanes on every machine and no contraction of a*b+c: all clones compute the same bits.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define OCTET_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else  // clang refuses vector types across clones; the thread sanitizer is not ready when clones are picked
#define OCTET_CLONES
#endif

namespace octet::kernels {

inline constexpr std::int64_t kLanes = 16;
typedef float Lanes __attribute__((vector_size(64)));

[[gnu::always_inline]] inline void load(Lanes& v, const float* from) { std::memcpy(&v, from, sizeof v); }
[[gnu::always_inline]] inline void store(float* to, const Lanes& v) { std::memcpy(to, &v, sizeof v); }

}  // namespace octet::kernels
