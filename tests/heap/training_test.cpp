// SPDX-License-Identifier: Apache-2.0
// No allocation grows with steps: what malloc has handed out, to us or to the libraries we use, is the same after 20
// training steps and after 120. The program counts by putting itself before the C library's malloc, so it is of its
// own.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/kernels/core/parallel.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"

namespace {

std::atomic<std::int64_t> live_blocks, live_bytes, calls;

// Sizes as they were asked for stand in the last bytes of a block: what the C library hands out beyond them is chance.
constexpr std::size_t kNote = sizeof(std::size_t);

char* note_of(void* block) { return static_cast<char*>(block) + malloc_usable_size(block) - kNote; }

void* counted(void* block, std::size_t size) {
  if (!block) return nullptr;
  ++calls;
  ++live_blocks;
  live_bytes += static_cast<std::int64_t>(size);
  std::memcpy(note_of(block), &size, kNote);
  return block;
}

void uncount(void* block) {
  if (!block) return;
  std::size_t size;
  std::memcpy(&size, note_of(block), kNote);
  --live_blocks;
  live_bytes -= static_cast<std::int64_t>(size);
}

}  // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t size) { return counted(__libc_malloc(size + kNote), size); }
void* calloc(std::size_t count, std::size_t size) {
  return count > 0 && size > (PTRDIFF_MAX - kNote) / count
             ? nullptr
             : counted(__libc_calloc(1, count * size + kNote), count * size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  return counted(__libc_memalign(alignment, size + kNote), size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  *block = memalign(alignment, size);
  return *block ? 0 : ENOMEM;
}
void* realloc(void* block, std::size_t size) {
  uncount(block);
  return counted(__libc_realloc(block, size + kNote), size);
}
void free(void* block) {
  uncount(block);
  __libc_free(block);
}
}

namespace octet {
namespace {

TEST(TrainingHeap, IsTheSameAfter20StepsAndAfter120) {
  // One thread: with more it is chance how many tasks take their scratch memory at once, and so when the pool has as
  // many blocks as it will ever need.
  kernels::set_num_threads(1);
  Rng rng(1);
  const auto net = make_model("resnet20", {.in_channels = 3, .num_classes = 10}, rng);
  SGD sgd(*net, {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4});
  std::vector<float> pixels(4 * 3 * 16 * 16);
  const std::vector<std::int64_t> labels = {0, 3, 6, 9};

  std::int64_t step = 0, calls_of_last_step = 0;
  float loss_value = 0;
  const auto train_up_to = [&](std::int64_t last) {
    for (; step < last; ++step) {
      const std::int64_t calls_before = calls;
      for (float& pixel : pixels) pixel = rng.normal();
      const Tensor loss = cross_entropy((*net)(Tensor::from_nchw({4, 3, 16, 16}, pixels)), labels);
      loss_value = loss.item();
      sgd.zero_grad();
      loss.backward();
      sgd.step();
      calls_of_last_step = calls - calls_before;
    }
  };
  train_up_to(20);
  const std::int64_t blocks = live_blocks, bytes = live_bytes, calls_per_step = calls_of_last_step;
  train_up_to(120);
  EXPECT_EQ(live_blocks, blocks);
  EXPECT_EQ(live_bytes, bytes);
  EXPECT_EQ(calls_of_last_step, calls_per_step);
  EXPECT_GT(blocks, 100) << "the counting does not count";
  EXPECT_GT(calls_per_step, 100);
  EXPECT_LT(loss_value, 10.0F);
}

}  // namespace
}  // namespace octet
