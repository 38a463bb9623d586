// SPDX-License-Identifier: Apache-2.0
#include "octet/data/image_structure.h"

#include <cstddef>
#include <cstdint>

#include <zlib.h>

#include "octet/base/error.h"

namespace octet {
namespace {

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
constexpr std::size_t kChunkFrame = 12;  // length, type and checksum around the data of a chunk

constexpr std::string_view kJpegStart = "\xff\xd8";
constexpr std::size_t kHuffmanHeader = 17;  // class and number of the table, then how many codes have 1 ... 16 bits
constexpr std::size_t kMaxHuffmanCodes = 255;
enum Marker : unsigned {
  kStuffing = 0x00,
  kHuffmanTables = 0xC4,
  kRestart0 = 0xD0,
  kRestart7 = 0xD7,
  kEndOfImage = 0xD9,
  kStartOfScan = 0xDA,
  kFill = 0xFF
};

unsigned byte_at(std::string_view bytes, std::size_t offset) { return static_cast<unsigned char>(bytes[offset]); }

std::size_t big_endian(std::string_view bytes, std::size_t offset, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | byte_at(bytes, offset + i);
  return value;
}

void check_huffman_tables(std::string_view bytes, std::size_t first, std::size_t last, const std::string& source) {
  for (std::size_t offset = first; offset < last;) {
    require(last - offset >= kHuffmanHeader, source, ": byte ", offset, ": damaged JPEG, a Huffman table is cut off");
    std::size_t codes = 0;
    for (std::size_t i = 1; i < kHuffmanHeader; ++i) codes += byte_at(bytes, offset + i);
    require(codes <= kMaxHuffmanCodes && codes <= last - offset - kHuffmanHeader, source, ": byte ", offset,
            ": damaged JPEG, a Huffman table with too many codes (", codes, ")");
    offset += kHuffmanHeader + codes;
  }
}

// Where the marker after the compressed data at `offset` starts. In the data 0xFF is followed by 0 or a restart number.
std::size_t end_of_scan(std::string_view bytes, std::size_t offset) {
  for (;; ++offset) {
    offset = bytes.find('\xff', offset);
    if (offset == std::string_view::npos || offset + 1 == bytes.size()) return bytes.size();
    const unsigned next = byte_at(bytes, offset + 1);
    const bool in_scan = next == kStuffing || next == kFill || (next >= kRestart0 && next <= kRestart7);
    if (!in_scan) return offset;
  }
}

}  // namespace

void check_png_structure(std::string_view bytes, const std::string& source) {
  if (!bytes.starts_with(kPngSignature)) return;
  std::size_t offset = kPngSignature.size();
  for (bool ended = false; !ended;) {
    const std::size_t left = bytes.size() - offset;
    require(left >= kChunkFrame, source, ": byte ", offset, ": truncated PNG, a chunk is missing");
    const std::size_t length = big_endian(bytes, offset, 4);
    require(length <= left - kChunkFrame, source, ": byte ", offset, ": truncated PNG, a chunk of ", length,
            " bytes but only ", left - kChunkFrame, " are left");
    const std::string_view type_and_data = bytes.substr(offset + 4, 4 + length);
    const auto checksum =
        crc32_z(0, reinterpret_cast<const unsigned char*>(type_and_data.data()), type_and_data.size());
    require(checksum == big_endian(bytes, offset + 8 + length, 4), source, ": byte ", offset,
            ": damaged PNG, the checksum of a chunk does not match");
    ended = type_and_data.substr(0, 4) == "IEND";
    offset += kChunkFrame + length;
  }
}

void check_jpeg_structure(std::string_view bytes, const std::string& source) {
  if (!bytes.starts_with('\xff')) return;
  require(bytes.starts_with(kJpegStart), source, ": byte 0: damaged JPEG, its start is not FF D8");
  for (std::size_t offset = kJpegStart.size();;) {
    offset = bytes.find('\xff', offset);  // some writers leave padding between segments, and the decoder skips it
    require(offset < bytes.size() - 1, source, ": byte ", bytes.size(), ": truncated JPEG, its end is missing");
    const unsigned marker = byte_at(bytes, ++offset);
    if (marker == kFill) continue;
    if (marker == kEndOfImage) return;
    const std::size_t left = bytes.size() - ++offset;
    const std::size_t length = left >= 2 ? big_endian(bytes, offset, 2) : 0;
    require(left >= 2 && length <= left, source, ": byte ", offset, ": truncated JPEG, a segment of ", length,
            " bytes but only ", left, " are left");
    require(length >= 2, source, ": byte ", offset, ": damaged JPEG, a segment of ", length, " bytes");
    if (marker == kHuffmanTables) check_huffman_tables(bytes, offset + 2, offset + length, source);
    offset += length;
    if (marker == kStartOfScan) offset = end_of_scan(bytes, offset);
  }
}

}  // namespace octet
