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
  kBaselineFrame = 0xC0,
  kProgressiveFrame = 0xC2,
  kHuffmanTables = 0xC4,
  kRestart0 = 0xD0,
  kRestart7 = 0xD7,
  kEndOfImage = 0xD9,
  kStartOfScan = 0xDA,
  kQuantizationTables = 0xDB,
  kNumberOfLines = 0xDC,
  kRestartInterval = 0xDD,
  kApplication0 = 0xE0,
  kApplication15 = 0xEF,
  kComment = 0xFE,
  kFill = 0xFF
};

bool is_frame(unsigned marker) { return marker >= kBaselineFrame && marker <= kProgressiveFrame; }

bool is_known(unsigned marker) {
  return is_frame(marker) || marker == kHuffmanTables || (marker >= kStartOfScan && marker <= kRestartInterval) ||
         (marker >= kApplication0 && marker <= kApplication15) || marker == kComment;
}

unsigned byte_at(std::string_view bytes, std::size_t offset) { return static_cast<unsigned char>(bytes[offset]); }

std::size_t big_endian(std::string_view bytes, std::size_t offset, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | byte_at(bytes, offset + i);
  return value;
}

// The first byte of a table: what kind it is, at most 1, and its number, at most 3.
void check_table_name(std::string_view bytes, std::size_t offset, const char* kind, const std::string& source) {
  const unsigned name = byte_at(bytes, offset);
  require(name >> 4 <= 1 && (name & 15) <= 3, source, ": byte ", offset, ": damaged JPEG, a ", kind, " table of kind ",
          name >> 4, " with number ", name & 15);
}

void check_huffman_tables(std::string_view bytes, std::size_t first, std::size_t last, const std::string& source) {
  for (std::size_t offset = first; offset < last;) {
    require(last - offset >= kHuffmanHeader, source, ": byte ", offset, ": damaged JPEG, a Huffman table is cut off");
    check_table_name(bytes, offset, "Huffman", source);
    std::size_t codes = 0, free = 1;  // codes of the length at hand that do not start with a shorter one
    bool fits = true;
    for (std::size_t i = 1; i < kHuffmanHeader; ++i) {
      const unsigned count = byte_at(bytes, offset + i);
      codes += count;
      fits = fits && count <= 2 * free;
      free = 2 * free - count;
    }
    require(fits && codes <= kMaxHuffmanCodes && codes <= last - offset - kHuffmanHeader, source, ": byte ", offset,
            ": damaged JPEG, a Huffman table with too many codes (", codes, ")");
    offset += kHuffmanHeader + codes;
  }
}

void check_quantization_tables(std::string_view bytes, std::size_t first, std::size_t last, const std::string& source) {
  for (std::size_t offset = first; offset < last;) {
    check_table_name(bytes, offset, "quantization", source);
    const std::size_t size = byte_at(bytes, offset) >> 4 == 0 ? 65 : 129;  // 64 values of one or two bytes
    require(size <= last - offset, source, ": byte ", offset, ": damaged JPEG, a quantization table is cut off");
    offset += size;
  }
}

// What lies in the `length` bytes of a segment behind its marker.
void check_segment(std::string_view bytes, unsigned marker, std::size_t offset, std::size_t length,
                   const std::string& source) {
  const std::size_t first = offset + 2, last = offset + length;
  if (marker == kHuffmanTables) check_huffman_tables(bytes, first, last, source);
  if (marker == kQuantizationTables) check_quantization_tables(bytes, first, last, source);
  require(marker != kRestartInterval || length == 4, source, ": byte ", offset,
          ": damaged JPEG, a restart interval of ", length, " bytes");
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
  int frames = 0, scans = 0;
  for (std::size_t offset = kJpegStart.size();;) {
    offset = bytes.find('\xff', offset);  // some writers leave padding between segments, and the decoder skips it
    require(offset < bytes.size() - 1, source, ": byte ", bytes.size(), ": truncated JPEG, its end is missing");
    const unsigned marker = byte_at(bytes, ++offset);
    if (marker == kFill) continue;
    if (marker == kEndOfImage) {
      require(frames == 1 && scans > 0, source, ": byte ", offset - 1, ": damaged JPEG, ends after ", frames,
              " frame headers and ", scans, " scans");
      return;
    }
    require(is_known(marker), source, ": byte ", offset - 1, ": damaged JPEG, a segment of the unknown kind ", marker);
    const std::size_t left = bytes.size() - ++offset;
    const std::size_t length = left >= 2 ? big_endian(bytes, offset, 2) : 0;
    require(left >= 2 && length <= left, source, ": byte ", offset, ": truncated JPEG, a segment of ", length,
            " bytes but only ", left, " are left");
    require(length >= 2, source, ": byte ", offset, ": damaged JPEG, a segment of ", length, " bytes");
    check_segment(bytes, marker, offset, length, source);
    frames += is_frame(marker);
    offset += length;
    if (marker != kStartOfScan) continue;
    ++scans;
    offset = end_of_scan(bytes, offset);
  }
}

}  // namespace octet
