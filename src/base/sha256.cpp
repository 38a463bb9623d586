// SPDX-License-Identifier: Apache-2.0
#include "octet/base/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "octet/base/input_file.h"

namespace octet {
namespace {

constexpr std::size_t kBlockSize = 64;

constexpr std::array<std::uint32_t, 64> kRoundConstants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t load_big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

/// Hashes `count` blocks into `state`. The words of the message schedule live in a ring of 16, the names of the working
/// variables stay put and their contents move: compilers turn that into register renaming once the rounds are unrolled.
void compress(std::array<std::uint32_t, 8>& state, const std::uint8_t* blocks, std::size_t count) {
  using std::rotr;
  for (; count > 0; --count, blocks += kBlockSize) {
    std::uint32_t w[16];
    std::uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    std::uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    const auto round = [&](std::uint32_t k_plus_w) {
      const std::uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (g ^ (e & (f ^ g))) + k_plus_w;
      const std::uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));
      h = g, g = f, f = e, e = d + t1;
      d = c, c = b, b = a, a = t1 + t2;
    };
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) round(kRoundConstants[i] + (w[i] = load_big_endian(blocks + 4 * i)));
    for (int first = 16; first < 64; first += 16) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        const std::uint32_t w15 = w[(i + 1) & 15], w2 = w[(i + 14) & 15];
        w[i] +=
            w[(i + 9) & 15] + (rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >> 3)) + (rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >> 10));
        round(kRoundConstants[first + i] + w[i]);
      }
    }
    const std::uint32_t mixed[] = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += mixed[i];
  }
}

}  // namespace

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  if (bytes.empty()) return *this;
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t left = bytes.size();
  const std::size_t held = size_ % kBlockSize;
  size_ += left;
  if (held > 0) {
    const std::size_t taken = std::min(kBlockSize - held, left);
    std::memcpy(block_.data() + held, data, taken);
    if (held + taken < kBlockSize) return *this;
    compress(state_, block_.data(), 1);
    data += taken;
    left -= taken;
  }
  compress(state_, data, left / kBlockSize);
  std::memcpy(block_.data(), data + left / kBlockSize * kBlockSize, left % kBlockSize);
  return *this;
}

Sha256::Digest Sha256::digest() const {
  // Padding: a one bit, zeros up to 8 bytes before the end of a block, the length in bits.
  std::array<std::uint8_t, 2 * kBlockSize> tail{};
  const std::size_t held = size_ % kBlockSize;
  std::memcpy(tail.data(), block_.data(), held);
  tail[held] = 0x80;
  const std::size_t blocks = held + 9 <= kBlockSize ? 1 : 2;
  for (std::size_t i = 0; i < 8; ++i)
    tail[blocks * kBlockSize - 1 - i] = static_cast<std::uint8_t>(size_ * 8 >> (8 * i));
  std::array<std::uint32_t, 8> state = state_;
  compress(state, tail.data(), blocks);

  Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - i % 4 * 8));
  return digest;
}

std::string Sha256::hex_digest() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (std::uint8_t byte : digest()) hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  return hex;
}

std::string sha256(std::string_view text) { return Sha256().update(text).hex_digest(); }

std::string sha256_file(const std::filesystem::path& path) {
  InputFile file(path);
  Sha256 hash;
  std::vector<std::byte> buffer(1 << 20);
  std::size_t count;
  do {
    count = file.read(buffer);
    hash.update(std::span(buffer).first(count));
  } while (count == buffer.size());
  return hash.hex_digest();
}

}  // namespace octet
