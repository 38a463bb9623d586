// SPDX-License-Identifier: Apache-2.0
// Largest first, each at the lowest place where nothing that lives at the same time lies: what finds the smallest arena
// in practice.
#include <algorithm>
#include <numeric>

#include "octet/deploy/plan.h"

namespace octet::deploy {
namespace {

constexpr std::int64_t kAlignment = 64;

struct Block {
  std::int64_t bytes = 0, offset = 0;
  std::size_t first = 0, last = 0;  // steps between which it is alive, both included
  bool used = false;

  bool lives_with(const Block& other) const { return first <= other.last && other.first <= last; }
};

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

  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  ArenaLayout layout;
  std::vector<const Block*> placed;  // by offset
  for (const std::size_t i : order) {
    Block& block = blocks[i];
    if (!block.used) continue;
    for (const Block* other : placed)
      if (block.lives_with(*other) && block.offset < other->offset + other->bytes &&
          other->offset < block.offset + block.bytes)
        block.offset = other->offset + other->bytes;
    placed.insert(std::ranges::upper_bound(placed, block.offset, {}, [](const Block* b) { return b->offset; }), &block);
    layout.bytes = std::max(layout.bytes, block.offset + block.bytes);
  }
  for (const TensorInfo& tensor : program.tensors)
    layout.offsets.push_back(blocks[static_cast<std::size_t>(tensor.storage)].offset);
  return layout;
}

}  // namespace octet::deploy
