// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_wide.h"

#include <algorithm>

#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/int8/int8_images.h"

namespace octet::kernels {
namespace {

// Input channels of one group.
std::int64_t per_group(const Int8LayerShape& l) { return l.in_channels() / l.s.groups; }

// `count` input channels of each group, alone.
Int8LayerShape part_of(Int8LayerShape l, std::int64_t count) {
  (l.plain() ? l.s.ci : l.s.co) = count * l.s.groups;
  return l;
}

// In row-major weights they are a part of each output channel's row; of a transposed convolution, some rows per group.
std::vector<std::int8_t> weights_of(const Int8LayerShape& l, const std::int8_t* w, std::int64_t first,
                                    std::int64_t count) {
  const std::int64_t blocks = l.plain() ? l.s.co : l.s.groups, all = l.s.weight_count() / blocks;
  const std::int64_t channel = all / per_group(l);
  std::vector<std::int8_t> part;
  part.reserve(static_cast<std::size_t>(blocks * count * channel));
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int8_t* const begin = w + block * all + first * channel;
    part.insert(part.end(), begin, begin + count * channel);
  }
  return part;
}

Int8Epilogue no_epilogue(std::int64_t channels) {
  Int8Epilogue e;
  e.bias.assign(static_cast<std::size_t>(channels), 0.0F);
  e.scale.assign(e.bias.size(), 1.0F);
  return e;
}

}  // namespace

WideInt8Sums::WideInt8Sums(const Int8LayerShape& layer, std::int32_t zero_point, const std::int8_t* weights)
    : layer_(layer), zero_point_(zero_point) {
  const std::int64_t most = kProductsInInt32 / (layer.s.kh * layer.s.kw);
  if (most == 0) weights_.assign(weights, weights + layer.s.weight_count());
  for (std::int64_t first = 0; most > 0 && first < per_group(layer); first += most) {
    const std::int64_t count = std::min(most, per_group(layer) - first);
    const Int8Sums sums{part_of(layer, count).s, !layer.plain(), zero_point};
    parts_.push_back(
        {first, count, {sums, weights_of(layer, weights, first, count), no_epilogue(layer.out_channels())}});
  }
}

void WideInt8Sums::add(const std::uint8_t* x, std::int64_t* acc) const {
  if (parts_.empty()) return add_by_loop(x, acc);
  const std::int64_t rows = layer_.s.n * layer_.in_rows() * layer_.in_columns() * layer_.s.groups;
  for (const Part& part : parts_) {
    const Buffer some(rows * part.count);
    auto* const q = static_cast<std::uint8_t*>(some.data());
    copy_byte_rows({rows, part.count, per_group(layer_), part.count}, x + part.first, q);
    part.layer.add_sums(q, acc);
  }
}

void WideInt8Sums::add_by_loop(const std::uint8_t* x, std::int64_t* acc) const {
  const std::int64_t channels = layer_.out_channels(), columns = layer_.out_columns();
  parallel_range(layer_.s.n * layer_.out_rows() * columns, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t row = i / columns;
        const OutputPosition at{row / layer_.out_rows(), row % layer_.out_rows(), i % columns, c};
        acc[i * channels + c] += int8_scalar_sum(layer_, x, zero_point_, weights_.data(), at);
      }
  });
}

void WideInt8Sums::round(const std::uint8_t* x, float* acc) const {
  const std::int64_t outputs = layer_.s.n * layer_.out_image();
  const Buffer buffer(outputs * static_cast<std::int64_t>(sizeof(std::int64_t)));
  auto* const sums = static_cast<std::int64_t*>(buffer.data());
  std::fill_n(sums, outputs, 0);
  add(x, sums);
  std::transform(sums, sums + outputs, acc, [](std::int64_t sum) { return static_cast<float>(sum); });
}

std::int64_t WideInt8Sums::own_bytes() const {
  std::int64_t bytes = layer_.s.weight_count();
  for (const Part& part : parts_) bytes += part.layer.own_bytes();
  return bytes;
}

std::string WideInt8Sums::implementation() const {
  if (parts_.empty()) return "loop";
  return std::to_string(parts_.size()) + " parts: " + parts_.front().layer.implementation();
}

}  // namespace octet::kernels
