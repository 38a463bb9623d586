// SPDX-License-Identifier: Apache-2.0
// Reading IDX files, the format of MNIST and its descendants.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "octet/base/shape.h"

namespace octet {

/// An array of bytes, row-major.
struct IdxArray {
  Shape shape;
  std::vector<std::uint8_t> values;
};

/// Parses an (uncompressed) IDX file that lies in memory: bytes 0, 0, element type, rank, then one big-endian 32-bit
/// size per dimension, then the elements. Only unsigned bytes are read. `source` names the file in errors. Throws Error
/// with the byte offset for anything else, and for files that are too short or too long.
IdxArray parse_idx(std::string_view bytes, const std::string& source);

/// Reads a file, plain or gzip-compressed; at most `max_bytes` when uncompressed. Its header is judged before the rest
/// is read or unpacked.
IdxArray read_idx(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{2} << 30);

}  // namespace octet
