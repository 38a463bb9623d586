// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), by which manifests name data, configurations and weights.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace octet {

/// The hash of all bytes given to update(), whatever their division into calls.
class Sha256 {
 public:
  using Digest = std::array<std::uint8_t, 32>;

  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text) { return update(std::as_bytes(std::span(text))); }

  /// The hash of the bytes so far. More may follow.
  Digest digest() const;
  /// digest() as 64 lower-case hexadecimal digits.
  std::string hex_digest() const;

 private:
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> block_{};  ///< the bytes behind the last full block
  std::uint64_t size_ = 0;                ///< bytes so far
};

/// The hash of `text`, in hexadecimal.
std::string sha256(std::string_view text);

/// The hash of a file's bytes, in hexadecimal. Throws Error (path, reason) if it cannot be read.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace octet
