// SPDX-License-Identifier: Apache-2.0
// The pool keeps free blocks by size class. Classes are an eighth of a power of two apart, so that a block wastes at
// most an eighth of itself, and the untouched part of a fresh block never becomes resident. Blocks never migrate
// between classes: the same program reaches the same steady state, whatever ran before.
//
// Free blocks are links of two lists, which lie in the blocks themselves: nothing is allocated to give one back, so
// that this cannot fail. One list per class is a stack, because the latest is still in a cache; one over all classes is
// in the order of being given back, because the oldest leave first.
#include "octet/kernels/core/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>

#include "octet/base/error.h"
#include "octet/kernels/core/fork.h"
#include "octet/kernels/core/memory_failure.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kSmallest = 256;
constexpr std::int64_t kAlignment = 64;
constexpr std::int64_t kLargePage = std::int64_t{2} << 20;
constexpr std::int64_t kLargePart = std::int64_t{128} << 10;  // smaller ones would leave most of a large page unused

constexpr std::int64_t kAlwaysKept = std::int64_t{16} << 20;  // unused bytes that are not worth a look
constexpr std::int64_t kPeaksKept = 3;     // unused bytes at most, in times of the most that was in use lately
constexpr std::int64_t kPeaksLately = 64;  // bytes asked for until "lately" begins anew, likewise

// The beginning of a free block.
struct Link {
  std::int64_t bytes;
  Link *above, *below;  // of its class
  Link *newer, *older;  // of all
};
static_assert(sizeof(Link) <= kSmallest);

void wait_a_moment() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// The power of two that is no less than `bytes`, and from one size to the next below it: there are eight.
int power_above(std::int64_t bytes) { return std::bit_width(static_cast<std::uint64_t>(bytes - 1)); }
std::int64_t step_below(int power) { return std::max(kSmallest / 4, std::int64_t{1} << (power - 4)); }

std::int64_t size_class(std::int64_t bytes) {
  if (bytes <= kSmallest) return kSmallest;
  const std::int64_t step = step_below(power_above(bytes));
  return (bytes + step - 1) / step * step;
}

// The place of a size class: threads meet in the pool, so that looking for it must not take long.
constexpr std::size_t kClasses = 64 * 8;
std::size_t place_of(std::int64_t block) {
  const int power = power_above(block);
  return static_cast<std::size_t>(power * 8 + (block - 1 - (std::int64_t{1} << (power - 1))) / step_below(power));
}

struct Pool {
  std::mutex mutex;
  std::array<Link*, kClasses> top{};
  Link *newest = nullptr, *oldest = nullptr;
  MemoryStatistics statistics;
  std::int64_t peak_lately = 0, peak_before = 0;  // of live bytes
  std::int64_t served_lately = 0;
  std::int64_t until_failure = 0;  // allocations, the last of which fails; 0: none does

  void push(void* data, std::int64_t bytes, std::size_t place);
  void remove(Link* link, std::size_t place);
  void note_use(std::int64_t bytes);
  Link* take_excess(std::int64_t limit);
  std::int64_t limit() const { return std::max(kAlwaysKept, kPeaksKept * std::max(peak_lately, peak_before)); }
};

Pool& pool() {
  static Pool* const instance = [] {
    survive_forks();
    return new Pool;  // lives to the end of the process: Buffers in static objects return to it
  }();
  return *instance;
}

// Made when the program begins: of a fork while another thread makes it, the child would wait for a thread it has not.
[[maybe_unused]] const Pool& made_at_the_beginning = pool();

void Pool::push(void* data, std::int64_t bytes, std::size_t place) {
  Link*& head = top[place];
  Link* const link = new (data) Link{bytes, nullptr, head, nullptr, newest};
  if (head) head->above = link;
  head = link;
  (newest ? newest->newer : oldest) = link;
  newest = link;
  statistics.cached_bytes += bytes;
}

void Pool::remove(Link* link, std::size_t place) {
  (link->above ? link->above->below : top[place]) = link->below;
  if (link->below) link->below->above = link->above;
  (link->newer ? link->newer->older : newest) = link->older;
  (link->older ? link->older->newer : oldest) = link->newer;
  statistics.cached_bytes -= link->bytes;
}

void Pool::note_use(std::int64_t bytes) {
  statistics.live_bytes += bytes;
  statistics.peak_bytes = std::max(statistics.peak_bytes, statistics.live_bytes + statistics.cached_bytes);
  peak_lately = std::max(peak_lately, statistics.live_bytes);
  served_lately += bytes;
  if (served_lately < kPeaksLately * std::max(peak_lately, peak_before)) return;
  peak_before = peak_lately;
  peak_lately = statistics.live_bytes;
  served_lately = 0;
}

// The oldest blocks, until no more than `limit` bytes are left, as a list by `older`.
Link* Pool::take_excess(std::int64_t limit) {
  Link* taken = nullptr;
  while (statistics.cached_bytes > limit) {
    Link* const link = oldest;
    remove(link, place_of(link->bytes));
    link->older = taken;
    taken = link;
  }
  return taken;
}

// Threads meet here, for some ten nanoseconds each: looking again is quicker than a visit to the system. Where a thread
// loses its core with the lock in its hands, the others sleep all the same.
std::unique_lock<std::mutex> lock_soon(std::mutex& mutex) {
  constexpr int kLooks = 200;
  std::unique_lock lock(mutex, std::try_to_lock);
  for (int i = 0; i < kLooks && !lock.owns_lock(); ++i) {
    wait_a_moment();
    [[maybe_unused]] const bool now = lock.try_lock();
  }
  if (!lock.owns_lock()) lock.lock();
  return lock;
}

// Without the pool's mutex: this may take long.
void give_to_system(Link* links) {
  while (links) {
    Link* const next = links->older;
    std::free(links);
    links = next;
  }
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
  const std::int64_t block = size_class(bytes);
  const std::size_t place = place_of(block);
  Pool& p = pool();
  std::unique_lock lock = lock_soon(p.mutex);
  const bool fails = p.until_failure > 0 && --p.until_failure == 0;
  if (Link* const top = p.top[place]; top && !fails) {
    p.remove(top, place);
    data_ = top;
  } else {
    data_ = fails ? nullptr : allocate(block);
    if (!data_) {  // what lies in the pool has other sizes, but it is memory
      give_to_system(p.take_excess(0));
      data_ = fails ? nullptr : allocate(block);
    }
    require(data_ != nullptr, "out of memory: ", bytes, " bytes asked for, ", p.statistics.live_bytes, " in use");
    ++p.statistics.system_allocations;
  }
  bytes_ = block;
  p.note_use(block);
}

Buffer::~Buffer() {
  if (!data_) return;
  const std::size_t place = place_of(bytes_);
  Pool& p = pool();
  std::unique_lock lock = lock_soon(p.mutex);
  p.statistics.live_bytes -= bytes_;
  p.push(data_, bytes_, place);
  Link* const excess = p.take_excess(p.limit());
  lock.unlock();
  give_to_system(excess);
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
  std::unique_lock lock(p.mutex);
  Link* const all = p.take_excess(0);
  lock.unlock();
  give_to_system(all);
}

void lock_memory_pool() { pool().mutex.lock(); }

void unlock_memory_pool() { pool().mutex.unlock(); }

void fail_allocation(std::int64_t count) {
  const std::lock_guard lock(pool().mutex);
  pool().until_failure = count;
}

}  // namespace octet::kernels
