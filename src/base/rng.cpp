// SPDX-License-Identifier: Apache-2.0
#include "octet/base/rng.h"

#include <cmath>
#include <numbers>

#include "octet/base/float_environment.h"

namespace octet {
namespace {

constexpr std::uint32_t kMultiply0 = 0xD2511F53, kMultiply1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;

std::uint64_t mix(std::uint64_t x) {  // the finaliser of SplitMix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

std::array<std::uint32_t, 4> Rng::block(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{kMultiply0} * c[0];
    const std::uint64_t p1 = std::uint64_t{kMultiply1} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += kWeyl0;
    k[1] += kWeyl1;
  }
  return c;
}

std::uint32_t Rng::next() {
  const std::uint64_t index = position_ / 4;
  if (index != cached_block_) {
    cache_ = block({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                    static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                   {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
    cached_block_ = index;
  }
  return cache_[position_++ % 4];
}

float Rng::uniform() { return static_cast<float>(next() >> 8) * 0x1p-24F; }

// Not in the header: a program that is compiled with FMA or -Ofast would round it in its own way.
float Rng::uniform(float low, float high) {
  const FloatEnvironment numbers;
  return low + (high - low) * uniform();
}

float Rng::normal() {
  const FloatEnvironment numbers;
  const double u = (static_cast<double>(next()) + 1.0) * 0x1p-32;  // (0, 1], so that the logarithm is finite
  const double v = static_cast<double>(next()) * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

std::uint32_t Rng::below(std::uint32_t bound) {
  std::uint64_t product = std::uint64_t{next()} * bound;
  const std::uint32_t threshold = (0u - bound) % bound;
  while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{next()} * bound;
  return static_cast<std::uint32_t>(product >> 32);
}

Rng Rng::fork(std::uint64_t tag) const { return Rng(seed_, mix(stream_ + mix(tag + 0x9E3779B97F4A7C15u))); }

}  // namespace octet
