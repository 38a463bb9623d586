// SPDX-License-Identifier: Apache-2.0
#include "octet/data/png_structure.h"

#include <cstddef>

#include <zlib.h>

#include "octet/base/error.h"

namespace octet {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
constexpr std::size_t kChunkFrame = 12;  // length, type and checksum around the data of a chunk
constexpr std::size_t kColourType = 25;  // where it stands in the file
constexpr char kIndexed = 3;
constexpr std::size_t kLongestPalette = 3 * 256;

std::size_t big_endian(std::string_view bytes, std::size_t offset) {
  std::size_t value = 0;
  for (const char byte : bytes.substr(offset, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

// What the standard allows: grey 1 to 16 bits, palettes 1 to 8, the others 8 and 16.
bool known_kind(int depth, int colour) {
  const bool whole = depth == 8 || depth == 16, part = depth == 1 || depth == 2 || depth == 4;
  return colour == 0   ? whole || part
         : colour == 3 ? depth == 8 || part
                       : (colour == 2 || colour == 4 || colour == 6) && whole;
}

struct Chunk {
  std::size_t offset, length;  // where its frame begins, and the bytes of its data
  std::string_view type;
};

// What has been seen of a PNG; the decoder behind relies on this order.
struct Order {
  bool header = false, is_indexed = false, palette = false, data = false, data_ended = false;
  std::size_t data_bytes = 0;

  void add(const Chunk& chunk, std::string_view bytes, const std::string& source) {
    const auto check = [&](bool holds, std::string_view rule) {
      require(holds, source, ": byte ", chunk.offset, ": damaged PNG, ", rule);
    };
    check(chunk.type != "CgBI", "an iPhone's own form (CgBI), which is no PNG");
    check(header || chunk.type == "IHDR", "the first chunk is not IHDR");
    if (chunk.type == "IHDR") {
      check(!header && chunk.length == 13, "IHDR is not one chunk of 13 bytes");
      const std::string_view at = bytes.substr(chunk.offset + 8);
      check(known_kind(at[8], at[9]), text("depth ", int{at[8]}, " does not go with colour type ", int{at[9]}));
      header = true;
      is_indexed = at[9] == kIndexed;
    } else if (chunk.type == "PLTE") {
      check(!palette && !data, "PLTE comes twice or behind the data");
      check(chunk.length > 0 && chunk.length <= kLongestPalette && chunk.length % 3 == 0,
            text("a palette of ", chunk.length, " bytes"));
      palette = true;
    } else if (chunk.type == "IDAT") {
      check(!data_ended, "its IDAT chunks do not follow each other");
      check(palette || !is_indexed, "there is no palette in front of the data");
      data = true;
      data_bytes += chunk.length;
    } else if (chunk.type == "IEND") {
      check(data_bytes > 0, "there is no data in IDAT");
    }
    data_ended = data && chunk.type != "IDAT";
  }
};

}  // namespace

void check_png_structure(std::string_view bytes, const std::string& source) {
  if (!bytes.starts_with(kSignature)) return;
  std::size_t offset = kSignature.size();
  Order order;
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
    const Chunk chunk{offset, length, type_and_data.substr(0, 4)};
    order.add(chunk, bytes, source);
    ended = chunk.type == "IEND";
    offset += kChunkFrame + length;
  }
}

std::string mended_png(std::string_view bytes) {
  constexpr std::string_view kEmpty("\0\0\0\0IDAT", 8), kWholePalette("\0\0\3\0PLTE", 8), kNoChecksum("\0\0\0\0", 4);
  if (!bytes.starts_with(kSignature)) return {};
  const bool is_indexed = bytes[kColourType] == kIndexed;
  if (!is_indexed && bytes.find(kEmpty) == std::string_view::npos) return {};
  std::string mended(kSignature);
  for (std::size_t offset = kSignature.size(); bytes.size() - offset >= kChunkFrame;) {
    const std::string_view chunk = bytes.substr(offset, kChunkFrame + big_endian(bytes, offset));
    const std::string_view type = chunk.substr(4, 4);
    offset += chunk.size();
    if (is_indexed && type == "PLTE") {
      std::string colours(chunk.substr(8, chunk.size() - kChunkFrame));
      colours.resize(kLongestPalette);
      mended.append(kWholePalette).append(colours).append(kNoChecksum);  // it is checked already
    } else if (!chunk.starts_with(kEmpty)) {
      mended += chunk;
    }
    if (type == "IEND") break;
  }
  return mended;
}

}  // namespace octet
