// SPDX-License-Identifier: Apache-2.0
// Largest first, each at the lowest place where nothing that lives at the same time lies: what finds the smallest arena
// in practice. That compares each tensor with all others; a network of very many tensors is laid out in the order of
// its steps instead, each in the smallest gap that holds it.
#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <queue>
#include <set>

#include "octet/deploy/plan.h"

namespace octet::deploy {
namespace {

constexpr std::int64_t kAlignment = 64;
constexpr std::size_t kFewBlocks = 2048;

struct Block {
  std::int64_t bytes = 0, offset = 0;
  std::size_t first = 0, last = 0;  // steps between which it is alive, both included
  bool used = false;

  bool lives_with(const Block& other) const { return first <= other.last && other.first <= last; }
};

void place_largest_first(const std::vector<Block*>& blocks) {
  std::vector<Block*> order = blocks;
  std::ranges::stable_sort(order, [](const Block* a, const Block* b) { return a->bytes > b->bytes; });
  std::vector<const Block*> placed;  // by offset
  for (Block* block : order) {
    for (const Block* other : placed)
      if (block->lives_with(*other) && block->offset < other->offset + other->bytes &&
          other->offset < block->offset + block->bytes)
        block->offset = other->offset + other->bytes;
    placed.insert(std::ranges::upper_bound(placed, block->offset, {}, [](const Block* b) { return b->offset; }), block);
  }
}

// The part of the arena that nobody has.
class Gaps {
 public:
  std::int64_t take(std::int64_t bytes) {
    const auto fits = by_size_.lower_bound({bytes, 0});
    if (fits == by_size_.end()) return grow(bytes);
    const auto [size, offset] = *fits;
    remove(offset);
    if (size > bytes) add(offset + bytes, size - bytes);
    return offset;
  }

  void give_back(std::int64_t offset, std::int64_t bytes) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + bytes) {
      bytes += next->second;
      remove(next->first);
    }
    next = by_offset_.lower_bound(offset);
    if (next != by_offset_.begin()) {
      const auto [before, size] = *std::prev(next);
      if (before + size == offset) {
        remove(before);
        offset = before;
        bytes += size;
      }
    }
    add(offset, bytes);
  }

 private:
  std::int64_t grow(std::int64_t bytes) {
    std::int64_t offset = end_;
    if (!by_offset_.empty()) {
      const auto [last, size] = *std::prev(by_offset_.end());
      if (last + size == end_) {
        remove(last);
        offset = last;
      }
    }
    end_ = offset + bytes;
    return offset;
  }
  void add(std::int64_t offset, std::int64_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  void remove(std::int64_t offset) {
    const auto gap = by_offset_.find(offset);
    by_size_.erase({gap->second, offset});
    by_offset_.erase(gap);
  }

  std::int64_t end_ = 0;
  std::map<std::int64_t, std::int64_t> by_offset_;
  std::set<std::pair<std::int64_t, std::int64_t>> by_size_;
};

void place_in_order(const std::vector<Block*>& blocks) {
  std::vector<Block*> order = blocks;
  std::ranges::stable_sort(order, {}, [](const Block* b) { return b->first; });
  const auto dies_later = [](const Block* a, const Block* b) { return a->last > b->last; };
  std::priority_queue<Block*, std::vector<Block*>, decltype(dies_later)> alive(dies_later);
  Gaps gaps;
  for (Block* block : order) {
    for (; !alive.empty() && alive.top()->last < block->first; alive.pop())
      if (alive.top()->bytes > 0) gaps.give_back(alive.top()->offset, alive.top()->bytes);
    if (block->bytes > 0) block->offset = gaps.take(block->bytes);
    alive.push(block);
  }
}

}  // namespace

ArenaLayout lay_out(const Program& program) {
  std::vector<Block> blocks(program.tensors.size());  // by storage
  const auto touch = [&](int tensor, std::size_t step) {
    if (tensor < 0) return;
    const TensorInfo& info = program.tensors[static_cast<std::size_t>(tensor)];
    Block& block = blocks[static_cast<std::size_t>(info.storage)];
    if (!block.used) block.first = info.part ? 0 : step;  // the next slice must not write over it
    block.used = true;
    block.last = step;
    block.bytes = std::max(block.bytes, (info.bytes() + kAlignment - 1) / kAlignment * kAlignment);
  };
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    for (const Operand& operand : step.inputs) touch(operand.tensor, i);
    touch(step.output, i);
    touch(step.quantized_output, i);
  }
  touch(program.output, program.steps.size());

  std::vector<Block*> used;
  for (Block& block : blocks)
    if (block.used) used.push_back(&block);
  used.size() <= kFewBlocks ? place_largest_first(used) : place_in_order(used);
  ArenaLayout layout;
  for (const Block* block : used) layout.bytes = std::max(layout.bytes, block->offset + block->bytes);
  for (const TensorInfo& tensor : program.tensors)
    layout.offsets.push_back(blocks[static_cast<std::size_t>(tensor.storage)].offset);
  return layout;
}

}  // namespace octet::deploy
