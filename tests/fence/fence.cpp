// SPDX-License-Identifier: Apache-2.0
// A library to put before the C library's (LD_PRELOAD): what aligned_alloc() gives, which kernels::Buffer asks for,
// ends at a page that nobody may touch, and nobody may touch it again once it is given back. So a test in which a
// kernel reads or writes behind its memory ends there. Sanitizers do not see that: oneDNN generates its code as it
// runs.
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

extern "C" void __libc_free(void*);

namespace {

constexpr std::size_t kPage = 4096, kRoom = std::size_t{1} << 40;  // of addresses, which cost nothing

std::size_t up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }
std::size_t down(std::size_t value, std::size_t unit) { return value / unit * unit; }

// Blocks from a range of addresses that are never used twice.
class Field {
 public:
  std::byte* allocate(std::size_t alignment, std::size_t size) {
    const std::size_t room = up(size + alignment + kPage, kPage);
    const std::size_t end = next_.fetch_add(room) + room - kPage;
    if (end + kPage > kRoom) return nullptr;
    const std::size_t begin = down(end - size, alignment);  // start_ is a multiple of any alignment
    ends_[begin / kPage] = end;
    const bool usable = mprotect(start_ + down(begin, kPage), end - down(begin, kPage), PROT_READ | PROT_WRITE) == 0;
    return usable ? start_ + begin : nullptr;
  }

  bool holds(const void* block) const { return start_ <= block && block < start_ + kRoom; }

  void free(void* block) {
    const std::size_t begin = static_cast<std::size_t>(static_cast<std::byte*>(block) - start_);
    std::byte* const first = start_ + down(begin, kPage);
    const std::size_t bytes = ends_[begin / kPage] - down(begin, kPage);
    madvise(first, bytes, MADV_DONTNEED);
    mprotect(first, bytes, PROT_NONE);
  }

 private:
  static void* reserve(std::size_t bytes, int access) {
    return mmap(nullptr, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }

  static constexpr std::size_t kLargestAlignment = std::size_t{1} << 21;
  std::byte* const start_ = reinterpret_cast<std::byte*>(
      up(reinterpret_cast<std::uintptr_t>(reserve(kRoom + kLargestAlignment, PROT_NONE)), kLargestAlignment));
  std::size_t* const ends_ =
      static_cast<std::size_t*>(reserve(kRoom / kPage * sizeof(std::size_t), PROT_READ | PROT_WRITE));
  std::atomic<std::size_t> next_{0};
};

Field& field() {
  static Field instance;
  return instance;
}

}  // namespace

extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) { return field().allocate(alignment, size); }

extern "C" void free(void* block) {
  if (field().holds(block)) return field().free(block);
  __libc_free(block);
}
