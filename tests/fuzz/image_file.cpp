// SPDX-License-Identifier: Apache-2.0
// decode_image on arbitrary bytes, grey and in colour; what it accepts keeps the limits and has all its pixels. Wrong
// PNG checksums are put right first, for else hardly any mutation of a PNG would get as far as the decoder.
#include <zlib.h>

#include "fuzz_target.h"
#include "octet/data/image_file.h"

namespace {

constexpr std::size_t kSignature = 8, kFrame = 12;

std::string with_png_checksums(std::string_view bytes) {
  std::string out(bytes);
  if (!bytes.starts_with("\x89PNG")) return out;
  std::size_t offset = kSignature;
  while (offset < out.size() && out.size() - offset >= kFrame) {
    auto* chunk = reinterpret_cast<unsigned char*>(out.data()) + offset;
    const std::size_t length = std::size_t{chunk[0]} << 24 | chunk[1] << 16 | chunk[2] << 8 | chunk[3];
    if (length > out.size() - offset - kFrame) break;
    const auto checksum = crc32_z(0, chunk + 4, 4 + length);
    for (int i = 0; i < 4; ++i) chunk[8 + length + i] = static_cast<unsigned char>(checksum >> (24 - 8 * i));
    offset += kFrame + length;
  }
  return out;
}

}  // namespace

void octet::fuzz(std::string_view bytes) {
  const std::string file = with_png_checksums(bytes);
  const ImageLimits limits{.max_height = 512, .max_width = 512};
  for (std::int64_t channels : {1, 3}) {
    const Image image = decode_image(file, channels, "fuzz", limits);
    if (image.height < 1 || image.height > 512 || image.width < 1 || image.width > 512) std::abort();
    if (image.channels != channels) std::abort();
    if (static_cast<std::int64_t>(image.pixels.size()) != image.height * image.width * channels) std::abort();
  }
}
