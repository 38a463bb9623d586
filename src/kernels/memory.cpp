// SPDX-License-Identifier: Apache-2.0
// The pool keeps free blocks by size class. Classes are an eighth of a power of two apart, so that a block wastes at
// most an eighth of itself, and the untouched part of a fresh block never becomes resident. Blocks never migrate
// between classes: the same program reaches the same steady state, whatever ran before.
#include "octet/kernels/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "octet/base/error.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kSmallest = 256;
constexpr std::int64_t kAlignment = 64;
constexpr std::int64_t kLargePage = std::int64_t{2} << 20;
constexpr std::int64_t kLargePart = std::int64_t{128} << 10;  // smaller ones would leave most of a large page unused

struct Pool {
  std::mutex mutex;
  std::map<std::int64_t, std::vector<void*>> free;
  MemoryStatistics statistics;
};

Pool& pool() {
  static Pool* const instance = new Pool;  // lives to the end of the process: Buffers in static objects return to it
  return *instance;
}

std::int64_t size_class(std::int64_t bytes) {
  if (bytes <= kSmallest) return kSmallest;
  const int top = std::bit_width(static_cast<std::uint64_t>(bytes - 1));
  const std::int64_t step = std::max(kSmallest / 4, std::int64_t{1} << (top - 4));
  return (bytes + step - 1) / step * step;
}

// With p.mutex held.
void release_cached(Pool& p) {
  for (auto& [bytes, blocks] : p.free)
    for (void* block : blocks) std::free(block);
  p.free.clear();
  p.statistics.cached_bytes = 0;
}

void* allocate(std::int64_t bytes) { return std::aligned_alloc(kAlignment, static_cast<std::size_t>(bytes)); }

struct Free {
  void operator()(void* block) const { std::free(block); }
};

std::shared_ptr<char> allocate_shared_block(std::int64_t alignment, std::int64_t bytes) {
  std::shared_ptr<char> block(
      static_cast<char*>(std::aligned_alloc(static_cast<std::size_t>(alignment), static_cast<std::size_t>(bytes))),
      Free());
  require(block != nullptr, "out of memory: ", bytes, " bytes asked for");
  return block;
}

std::int64_t round_up(std::int64_t bytes, std::int64_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

std::shared_ptr<void> allocate_lasting(std::int64_t bytes) {
  bytes = round_up(std::max<std::int64_t>(bytes, 1), kAlignment);
  if (bytes < kLargePart) return allocate_shared_block(kAlignment, bytes);
  // Parts are cut off the last block one after the other, and keep it alive.
  static std::mutex mutex;
  static std::weak_ptr<char> last;
  static std::int64_t used = 0, size = 0;
  const std::lock_guard lock(mutex);
  std::shared_ptr<char> block = last.lock();
  if (!block || used + bytes > size) {
    size = round_up(bytes, 2 * kLargePage);
    used = 0;
    block = allocate_shared_block(kLargePage, size);
    madvise(block.get(), static_cast<std::size_t>(size), MADV_HUGEPAGE);  // a system that refuses loses nothing
    last = block;
  }
  char* const part = block.get() + used;
  used += bytes;
  return {std::move(block), part};
}

Buffer::Buffer(std::int64_t bytes) {
  if (bytes == 0) return;
  bytes_ = size_class(bytes);
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  if (const auto found = p.free.find(bytes_); found != p.free.end() && !found->second.empty()) {
    data_ = found->second.back();
    found->second.pop_back();
    p.statistics.cached_bytes -= bytes_;
  } else {
    data_ = allocate(bytes_);
    if (!data_) {  // what lies in the pool has other sizes, but it is memory
      release_cached(p);
      data_ = allocate(bytes_);
    }
    require(data_ != nullptr, "out of memory: ", bytes, " bytes asked for, ", p.statistics.live_bytes, " in use");
    ++p.statistics.system_allocations;
  }
  p.statistics.live_bytes += bytes_;
  p.statistics.peak_bytes = std::max(p.statistics.peak_bytes, p.statistics.live_bytes + p.statistics.cached_bytes);
}

Buffer::~Buffer() {
  if (!data_) return;
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.free[bytes_].push_back(data_);
  p.statistics.live_bytes -= bytes_;
  p.statistics.cached_bytes += bytes_;
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MemoryStatistics memory_statistics() {
  const std::lock_guard lock(pool().mutex);
  return pool().statistics;
}

void release_cached_memory() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  release_cached(p);
}

}  // namespace octet::kernels
