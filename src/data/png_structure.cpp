// SPDX-License-Identifier: Apache-2.0
#include "octet/data/png_structure.h"

#include <cstddef>

#include <zlib.h>

#include "octet/base/error.h"

namespace octet {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
constexpr std::size_t kChunkFrame = 12;  // length, type and checksum around the data of a chunk

std::size_t big_endian(std::string_view bytes, std::size_t offset) {
  std::size_t value = 0;
  for (const char byte : bytes.substr(offset, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

void check_png_structure(std::string_view bytes, const std::string& source) {
  if (!bytes.starts_with(kSignature)) return;
  std::size_t offset = kSignature.size();
  for (bool ended = false; !ended;) {
    const std::size_t left = bytes.size() - offset;
    require(left >= kChunkFrame, source, ": byte ", offset, ": truncated PNG, a chunk is missing");
    const std::size_t length = big_endian(bytes, offset);
    require(length <= left - kChunkFrame, source, ": byte ", offset, ": truncated PNG, a chunk of ", length,
            " bytes but only ", left - kChunkFrame, " are left");
    const std::string_view type_and_data = bytes.substr(offset + 4, 4 + length);
    const auto checksum =
        crc32_z(0, reinterpret_cast<const unsigned char*>(type_and_data.data()), type_and_data.size());
    require(checksum == big_endian(bytes, offset + 8 + length), source, ": byte ", offset,
            ": damaged PNG, the checksum of a chunk does not match");
    ended = type_and_data.substr(0, 4) == "IEND";
    offset += kChunkFrame + length;
  }
}

}  // namespace octet
