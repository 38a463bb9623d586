// SPDX-License-Identifier: Apache-2.0
// A layer is cut into units: some images, or some rows of one image, or some channels of a small one, so that every
// thread has work and the int32 sums stay in a near cache until the epilogue has read them. Sums are exact, so the cut
// shows in no result. Units of equal shape share a variant: how they get their sums, and the epilogue made ready.
#include "octet/kernels/int8/int8_inference.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/int8/int8_cut.h"
#include "octet/kernels/int8/int8_made.h"
#include "octet/kernels/int8/int8_part.h"
#include "octet/kernels/int8/int8_wide.h"

namespace octet::kernels {
namespace {

// The largest that a sum can get with these weights.
std::int64_t largest_sum(const Int8LayerShape& l, const std::int8_t* w) {
  constexpr std::int64_t kLargest = 255;  // also before a zero point is taken off
  const std::int64_t taps = l.s.kh * l.s.kw;
  std::int64_t largest = 0;
  for (std::int64_t c = 0; c < l.out_channels(); ++c) {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < l.products() / taps; ++k)
      for (std::int64_t t = 0; t < taps; ++t) sum += std::abs(w[weight_position(l, k, c) + t]);
    largest = std::max(largest, sum * kLargest);
  }
  return largest;
}

struct Variant {
  std::int64_t channels;
  Int8PartSums sums;
  std::shared_ptr<const Int8Finishing> finishing;
};

// A layer whose sums int32 may not hold: in parts, and rounded before the epilogue sees them.
struct Wide {
  static constexpr std::int64_t kPixels = 64;  // of a task
  std::int64_t pixels;
  WideInt8Sums sums;
  Int8Finisher finisher;

  void run(std::int64_t channels, const std::uint8_t* x, const Int8Results& results) const {
    const Buffer rounded = Buffer::floats(pixels * channels);
    sums.round(x, rounded.floats());
    parallel_range(pixels, kPixels, [&](std::int64_t begin, std::int64_t end) {
      finisher({nullptr, end - begin, begin * channels, rounded.floats() + begin * channels}, results);
    });
  }
};

}  // namespace

struct Int8Layer::Program {
  std::int64_t channels;
  std::shared_ptr<const Int8Shared> shared;
  std::vector<Int8Unit> units;
  std::vector<Variant> variants;
  std::optional<Wide> wide;  // then there are no units

  // Calls f(unit, its variant) for every unit, as one task each.
  template <typename F>
  void for_units(const F& f) const {
    parallel_tasks(std::ssize(units), [&](std::int64_t i) {
      const SingleThread one;
      const Int8Unit& unit = units[static_cast<std::size_t>(i)];
      f(unit, variants[unit.part]);
    });
  }
};

Int8Layer::Int8Layer(const Int8Sums& sums, std::span<const std::int8_t> weights, const Int8Epilogue& epilogue)
    : Int8Layer(sums.shape, sums.transposed,
                std::make_shared<const Int8Shared>(
                    sums.zero_point, std::make_shared<const std::vector<std::int8_t>>(weights.begin(), weights.end()),
                    epilogue)) {}

Int8Layer::Int8Layer(const ConvShape& shape, bool transposed, std::shared_ptr<const Int8Shared> shared) {
  const Int8LayerShape l{transposed ? ConvKind::kTransposed : ConvKind::kPlain, shape};
  const std::int64_t largest = shared->made().largest_sum([&] { return largest_sum(l, shared->weights()->data()); });
  auto program = std::make_unique<Program>();
  program->channels = l.out_channels();
  if (may_leave_int32(l)) {
    program->wide.emplace(Wide{l.s.n * l.out_rows() * l.out_columns(),
                               WideInt8Sums(l, shared->zero_point(), shared->weights()->data()),
                               Int8Finisher(shared->epilogue(), {0, l.out_channels()}, l.out_channels(), largest, {})});
    program_ = std::move(program);
    return;
  }
  Int8Cut cut = cut_int8_layer(l, num_threads(), Int8Direct::suits(l));
  program->units = std::move(cut.units);
  const SingleThread one;
  for (const Int8Part& part : cut.parts) {
    const ChannelRange range{part.first_channel, part.shape.out_channels()};
    Int8PartSums part_sums(part.shape, l, range.first, *shared, largest);
    auto finishing = shared->made().finishing(range, part_sums.takes_start(), part_sums.correction(), [&] {
      Int8Finisher finisher(shared->epilogue(), range, l.out_channels(), largest, part_sums.correction());
      std::vector<std::int32_t> start;
      if (part_sums.takes_start()) start = finisher.leave_to_the_sums();
      return std::make_shared<const Int8Finishing>(Int8Finishing{std::move(finisher), std::move(start)});
    });
    program->variants.push_back({range.width, std::move(part_sums), std::move(finishing)});
  }
  program->shared = std::move(shared);
  program_ = std::move(program);
}

Int8Layer::~Int8Layer() = default;
Int8Layer::Int8Layer(Int8Layer&&) noexcept = default;
Int8Layer& Int8Layer::operator=(Int8Layer&&) noexcept = default;

void Int8Layer::run(const std::uint8_t* x, const Int8Results& results) const {
  if (program_->wide) return program_->wide->run(program_->channels, x, results);
  program_->for_units([&](const Int8Unit& unit, const Variant& v) {
    const Int8Finisher& finisher = v.finishing->finisher;
    const std::vector<std::int32_t>& start = v.finishing->start;
    v.sums.run(x + unit.x, start.empty() ? nullptr : start.data(),
               [&](const std::int32_t* sums, std::int64_t pixels, std::int64_t first) {
                 finisher({sums, pixels, unit.position + first * program_->channels}, results);
               });
  });
}

void Int8Layer::add_sums(const std::uint8_t* x, std::int64_t* acc) const {
  if (program_->wide) return program_->wide->sums.add(x, acc);
  program_->for_units([&](const Int8Unit& unit, const Variant& v) {
    v.sums.run(x + unit.x, nullptr, [&](const std::int32_t* sums, std::int64_t pixels, std::int64_t first) {
      const std::vector<std::int32_t>& correction = v.sums.correction();
      std::int64_t* to = acc + unit.position + first * program_->channels;
      for (std::int64_t i = 0; i < pixels; ++i, sums += v.channels, to += program_->channels)
        for (std::int64_t c = 0; c < v.channels; ++c)
          to[c] += std::int64_t{sums[c]} + (correction.empty() ? 0 : correction[static_cast<std::size_t>(c)]);
    });
  });
}

std::int64_t Int8Layer::own_bytes() const {
  std::int64_t bytes = std::ssize(program_->units) * static_cast<std::int64_t>(sizeof(Int8Unit));
  for (const Variant& v : program_->variants) bytes += v.sums.own_bytes();
  if (program_->wide) bytes += program_->wide->sums.own_bytes();
  return bytes;
}

std::string Int8Layer::implementation() const {
  return program_->wide ? program_->wide->sums.implementation() : program_->variants.front().sums.implementation();
}

}  // namespace octet::kernels
