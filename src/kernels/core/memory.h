// SPDX-License-Identifier: Apache-2.0
// Memory for values: taken from a pool by size and given back to it, so that a warm training step asks the system for
// none (page faults alone cost PyTorch 15 to 28 % of a step on the reference machine).
//
// What lies unused in the pool is bounded: by three times the most that was in use at once lately, or 16 MiB if that is
// more. "Lately" is while Buffers of 64 to 128 times as many bytes were asked for, a few dozen steps. Above that, the
// blocks that have been unused for longest go back to the system: those of sizes that no longer occur.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace octet::kernels {

/// A block of uninitialised memory, 64-byte aligned, that returns to the pool when it dies. Move-only.
class Buffer {
 public:
  Buffer() = default;
  /// At least `bytes` bytes; none for 0. Throws Error when the system has no more, even after it got back what the pool
  /// does not use.
  explicit Buffer(std::int64_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept;

  static Buffer floats(std::int64_t count) { return Buffer(count * static_cast<std::int64_t>(sizeof(float))); }

  float* floats() const { return static_cast<float*>(data_); }
  void* data() const { return data_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::int64_t bytes_ = 0;  // of its size class, not as asked for
};

/// Uninitialised memory, 64-byte aligned, not from the pool, for what stays and is read again and again, such as packed
/// weights. Large parts lie side by side in large pages where the system has them: looking up addresses costs wide
/// layers up to a tenth of their time. Throws Error when the system has no more.
std::shared_ptr<void> allocate_lasting(std::int64_t bytes);

struct MemoryStatistics {
  std::int64_t live_bytes = 0;          ///< in Buffers now
  std::int64_t cached_bytes = 0;        ///< in the pool, ready to be used again
  std::int64_t peak_bytes = 0;          ///< highest live + cached so far
  std::int64_t system_allocations = 0;  ///< how often the system was asked: constant over warm steps
};
MemoryStatistics memory_statistics();

/// Gives the pool's unused blocks back to the system: between phases that need different sizes.
void release_cached_memory();

}  // namespace octet::kernels
