// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
#pragma once

#include <array>
#include <cstdint>

namespace octet {

/// A stream of random numbers that is a pure function of (seed, stream, position): streams are independent, any
/// position can be reached at once, and the state is three numbers that a checkpoint can hold.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  /// The next 32 uniform bits.
  std::uint32_t next();
  /// Uniform in [0, 1), 24 random bits.
  float uniform();
  /// Uniform in [low, high).
  float uniform(float low, float high);
  /// Standard normal (Box-Muller on two draws).
  float normal();
  /// Uniform integer in [0, bound); bound > 0. Unbiased (Lemire's rejection).
  std::uint32_t below(std::uint32_t bound);

  /// An independent generator; the same `tag` gives the same generator, and this one does not move.
  Rng fork(std::uint64_t tag) const;

  std::uint64_t seed() const { return seed_; }
  std::uint64_t stream() const { return stream_; }
  /// Numbers drawn so far; setting it repositions the stream.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position) { position_ = position; }

  /// The Philox4x32-10 block function.
  static std::array<std::uint32_t, 4> block(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t position_ = 0;
  std::uint64_t cached_block_ = ~std::uint64_t{0};
  std::array<std::uint32_t, 4> cache_{};
};

}  // namespace octet
