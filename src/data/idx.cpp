// SPDX-License-Identifier: Apache-2.0
#include "octet/data/idx.h"

#include <algorithm>
#include <optional>

#include "octet/base/error.h"
#include "octet/base/file_kind.h"
#include "octet/data/gzip.h"

namespace octet {
namespace {

constexpr std::uint8_t kUnsignedByte = 0x08;
constexpr std::size_t kFixedBytes = 4;  // two zeros, element type, rank
constexpr std::size_t kSizeBytes = 4;   // per dimension
constexpr std::size_t kMostHeaderBytes = kFixedBytes + 255 * kSizeBytes;

const char* element_type_name(std::uint8_t type) {
  switch (type) {
    case 0x08:
      return "unsigned byte";
    case 0x09:
      return "signed byte";
    case 0x0B:
      return "16-bit integer";
    case 0x0C:
      return "32-bit integer";
    case 0x0D:
      return "float";
    case 0x0E:
      return "double";
    default:
      return "unknown";
  }
}

std::uint8_t byte_at(std::string_view bytes, std::size_t offset) { return static_cast<std::uint8_t>(bytes[offset]); }

std::int64_t big_endian_32(std::string_view bytes, std::size_t offset) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < kSizeBytes; ++i) value = value << 8 | byte_at(bytes, offset + i);
  return value;
}

/// What an IDX file begins with.
struct Header {
  Shape shape;
  std::size_t bytes;  ///< of the header
  std::int64_t elements;
};

/// How long the file is, or may be.
struct Length {
  std::uint64_t bytes;
  bool exact;
};

/// `bytes` is the start of a file, or all of it.
Header parse_header(std::string_view bytes, const Length& length, const std::string& source) {
  require(bytes.size() >= kFixedBytes, source, ": byte ", bytes.size(), ": an IDX header has at least 4 bytes");
  if (byte_at(bytes, 0) != 0 || byte_at(bytes, 1) != 0) {
    const std::string wrong = wrong_file(bytes, WantedFile::kIdx);
    require(wrong.empty(), source, ": ", wrong);
    fail(source, ": byte 0: an IDX file starts with two zero bytes (", int{byte_at(bytes, 0)}, ", ",
         int{byte_at(bytes, 1)}, ")");
  }
  const std::uint8_t type = byte_at(bytes, 2);
  require(type == kUnsignedByte, source, ": byte 2: only IDX elements of type 8 (unsigned byte) are read (", int{type},
          ", ", element_type_name(type), ")");
  const std::size_t rank = byte_at(bytes, 3);
  require(rank > 0, source, ": byte 3: an IDX array has at least one dimension");
  const std::size_t header_bytes = kFixedBytes + rank * kSizeBytes;
  require(bytes.size() >= header_bytes, source, ": byte ", bytes.size(), ": the IDX header of ", rank,
          " dimensions has ", header_bytes, " bytes");

  Header header{.shape = {}, .bytes = header_bytes, .elements = 1};
  const auto left = static_cast<std::int64_t>(std::max<std::uint64_t>(length.bytes, header_bytes) - header_bytes);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t offset = kFixedBytes + i * kSizeBytes;
    const std::int64_t size = big_endian_32(bytes, offset);
    require(size > 0, source, ": byte ", offset, ": IDX dimension ", i, " has size 0");
    // Division, because the product of the sizes may overflow. It also bounds what is allocated by the file's length.
    require(size <= left / header.elements, source, ": byte ", offset, ": IDX dimension ", i, " of size ", size,
            " asks for more elements than the ", left,
            length.exact ? " bytes behind the header" : " bytes that may come out of a packed file",
            " (sizes before it ", header.shape, ")");
    header.elements *= size;
    header.shape.push_back(size);
  }
  require(!length.exact || header.elements == left, source, ": byte ",
          header_bytes + static_cast<std::size_t>(header.elements), ": ", left - header.elements,
          " bytes follow the last IDX element (sizes ", header.shape, ")");
  return header;
}

}  // namespace

IdxArray parse_idx(std::string_view bytes, const std::string& source) {
  const Header header = parse_header(bytes, {bytes.size(), true}, source);
  const std::string_view elements = bytes.substr(header.bytes);
  return {.shape = header.shape, .values = {elements.begin(), elements.end()}};
}

IdxArray read_idx(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const std::string source = path.string();
  const auto judge = [&](std::string_view start, std::optional<std::uint64_t> size) {
    const Header header = parse_header(start, {size.value_or(max_bytes), size.has_value()}, source);
    return header.bytes + static_cast<std::uint64_t>(header.elements);
  };
  return parse_idx(read_gzip_file(path, max_bytes, kMostHeaderBytes, judge), source);
}

}  // namespace octet
