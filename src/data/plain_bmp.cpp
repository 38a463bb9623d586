// SPDX-License-Identifier: Apache-2.0
// stb_image reads few headers of BMP, no gap in front of the pixels, and colours from memory that nobody set where a
// palette is short. All of that is in the header, so the file gets a new one.
#include "octet/data/plain_bmp.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "octet/base/error.h"

namespace octet {
namespace {

// Offsets in a file. The old header of OS/2 has 12 bytes, fields of 16 bits and colours of 3 bytes.
constexpr std::uint32_t kFileHeader = 14, kOldHeader = 12, kOs2Header = 64, kPlainHeader = 40;
constexpr std::size_t kPixels = 10, kWidth = 18, kOldDepth = 24, kDepth = 28, kCompression = 30, kColours = 46,
                      kMasks = 54;
constexpr std::uint32_t kBitFields = 3;

std::uint32_t little_endian(std::string_view bytes, std::size_t offset, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

std::string little_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

struct Form {
  std::uint32_t header, width, height, bits, compression = 0, colours = 0;
  std::array<std::uint32_t, 3> masks = {};
  std::size_t end;  // of the header with its masks

  std::size_t bytes_per_colour() const { return header == kOldHeader ? 3 : 4; }
  bool has_palette() const { return bits < 16; }
};

Form read_form(std::string_view bytes, const std::string& source) {
  const auto need = [&](std::size_t size) {
    require(bytes.size() >= size, source, ": byte ", bytes.size(),
            ": truncated image, the file ends within its header");
  };
  need(kFileHeader + 4);
  const std::uint32_t header = little_endian(bytes, kFileHeader, 4);
  constexpr std::uint32_t kHeaders[] = {kOldHeader, kPlainHeader, 52, 56, kOs2Header, 108, 124};
  require(std::ranges::find(kHeaders, header) != std::end(kHeaders), source, ": byte 14: a BMP with a header of ",
          header, " bytes; those of 12, 40, 52, 56, 64, 108 and 124 bytes are read");
  const std::size_t end = kFileHeader + header;
  need(end);
  if (header == kOldHeader)
    return {.header = header,
            .width = little_endian(bytes, kWidth, 2),
            .height = little_endian(bytes, kWidth + 2, 2),
            .bits = little_endian(bytes, kOldDepth, 2),
            .end = end};
  Form form{.header = header,
            .width = little_endian(bytes, kWidth, 4),
            .height = little_endian(bytes, kWidth + 4, 4),
            .bits = little_endian(bytes, kDepth, 2),
            .compression = little_endian(bytes, kCompression, 4),
            .colours = little_endian(bytes, kColours, 4),
            .end = end};
  if (form.compression != kBitFields || header == kOs2Header) return form;
  form.end = std::max(end, kMasks + 12);
  need(form.end);
  for (std::size_t i = 0; i < 3; ++i) form.masks[i] = little_endian(bytes, kMasks + 4 * i, 4);
  return form;
}

void check(const Form& form, const std::string& source) {
  constexpr const char* kCompressions[] = {"none", "RLE8", "RLE4", "bit fields", "JPEG", "PNG"};
  constexpr const char* kOs2Compressions[] = {"none", "RLE8", "RLE4", "Huffman", "RLE24", "unknown"};
  constexpr std::uint32_t kDepths[] = {1, 4, 8, 16, 24, 32};
  constexpr std::string_view kReadForms =
      "PNG, JPEG (also progressive and CMYK) and BMP without compression (1, 4, 8, 16, 24 or 32 bits) are read";
  const bool of_os2 = form.header == kOs2Header;
  const std::size_t name = std::min<std::size_t>(form.compression, std::size(kCompressions));
  require(form.compression == 0 || (form.compression == kBitFields && !of_os2), source, ": byte ", kCompression,
          ": a BMP with compression ", form.compression, " (",
          name == std::size(kCompressions) ? "unknown" : (of_os2 ? kOs2Compressions : kCompressions)[name], "); ",
          kReadForms);
  require(std::ranges::find(kDepths, form.bits) != std::end(kDepths), source, ": byte ",
          form.header == kOldHeader ? kOldDepth : kDepth, ": a BMP of ", form.bits, " bits; ", kReadForms);
}

// All colours that the bits of a pixel can name.
std::string whole_palette(std::string_view bytes, const Form& form, std::size_t pixels) {
  const std::size_t all = std::size_t{1} << form.bits, size = form.bytes_per_colour();
  const std::size_t named = form.colours == 0 ? all : std::min<std::size_t>(form.colours, all);
  const std::size_t present = std::min(named, (pixels - form.end) / size);
  std::string palette;
  for (std::size_t i = 0; i < present; ++i) (palette += bytes.substr(form.end + i * size, 3)) += '\0';
  palette.resize(all * 4);
  return palette;
}

}  // namespace

PlainBmp plain_bmp(std::string_view bytes, const std::string& source) {
  if (!bytes.starts_with("BM")) return {};
  const Form form = read_form(bytes, source);
  check(form, source);
  const std::size_t pixels = little_endian(bytes, kPixels, 4);
  require(pixels >= form.end && pixels <= bytes.size(), source, ": byte ", kPixels,
          ": damaged BMP, its pixels begin at ", pixels, ", its header ends at ", form.end, ", and the file at ",
          bytes.size());

  // A pixel of 24 bits has no fields; without any mask those of 32 bits lie as they do without compression.
  const auto [red, green, blue] = form.masks;
  const bool has_masks = (red | green | blue) != 0 && !form.has_palette() && form.bits != 24;
  std::string extra;
  if (form.has_palette()) extra = whole_palette(bytes, form, pixels);
  if (has_masks) extra = little_endian(red) + little_endian(green) + little_endian(blue);

  PlainBmp plain;
  plain.bytes = std::string("BM") + std::string(8, '\0') +
                little_endian(static_cast<std::uint32_t>(kFileHeader + kPlainHeader + extra.size())) +
                little_endian(kPlainHeader) + little_endian(form.width) + little_endian(form.height) +
                little_endian(1U | form.bits << 16) + little_endian(has_masks ? kBitFields : 0) +
                std::string(20, '\0') + extra;
  plain.bytes += bytes.substr(pixels);
  if (form.bits == 16) plain.green_bits = !has_masks || green == 0x3e0 ? 5 : green == 0x7e0 ? 6 : 0;
  return plain;
}

}  // namespace octet
