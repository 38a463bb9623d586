// SPDX-License-Identifier: Apache-2.0
// JPEG files go to jpeg_file.h. The decoders of PNG and BMP are stb_image's. They are lenient (missing bytes read as
// zero, PNG checksums are skipped) and let a compressed stream grow without bound. So this file adds what keeps damaged
// files from being trained on or from doing harm: png_structure.h and plain_bmp.h first, then the size before
// decoding, a limit on memory, and the end of the file.
#include "octet/data/image_file.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

namespace {

// What one call of stb_image may allocate in one piece. Per thread, because stb's hooks carry no context.
thread_local std::size_t allocation_limit = 0;

// Zeros, so that a damaged file has the same pixels each time.
void* limited_malloc(std::size_t size) { return size <= allocation_limit ? std::calloc(size, 1) : nullptr; }

void* limited_realloc(void* old, std::size_t size) {
  return size <= allocation_limit ? std::realloc(old, size) : nullptr;
}

}  // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_MALLOC(size) limited_malloc(size)
#define STBI_REALLOC(old, size) limited_realloc(old, size)
#define STBI_FREE(old) std::free(old)
#include <stb/stb_image.h>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_kind.h"
#include "octet/data/grey.h"
#include "octet/data/jpeg_file.h"
#include "octet/data/plain_bmp.h"
#include "octet/data/png_structure.h"

namespace octet {
namespace {

constexpr std::size_t kDecoderState = std::size_t{1} << 20;

const unsigned char* as_bytes(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

// The file as a stream that remembers whether the decoder asked for more than there is.
struct Reader {
  std::string_view bytes;
  std::size_t position = 0;
  bool past_end = false;

  static int read(void* user, char* out, int size) {
    auto& self = *static_cast<Reader*>(user);
    const std::size_t wanted = static_cast<std::size_t>(std::max(size, 0));
    const std::size_t given = std::min(wanted, self.bytes.size() - self.position);
    if (given > 0) std::memcpy(out, self.bytes.data() + self.position, given);
    if (given == 0 && wanted > 0) self.past_end = true;
    self.position += given;
    return static_cast<int>(given);
  }
  static void skip(void* user, int size) {
    auto& self = *static_cast<Reader*>(user);
    const auto wanted = static_cast<std::size_t>(std::max(size, 0));
    self.position += std::min(wanted, self.bytes.size() - self.position);
  }
  static int at_end(void* user) {
    const auto& self = *static_cast<Reader*>(user);
    return self.position == self.bytes.size();
  }
};

struct Size {
  int height = 0, width = 0;
};

// 5 or 6 bits are spread to 0 to 255 by dividing, as Pillow does; stb_image repeats their first bits.
void spread_16_bits(int green_bits, Image& image) {
  if (green_bits == 0 || image.channels != 3) return;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const int value = image.pixels[i];
    const bool six = green_bits == 6 && i % 3 == 1;
    image.pixels[i] = static_cast<std::uint8_t>(six ? (value >> 2) * 255 / 63 : (value >> 3) * 255 / 31);
  }
}

// Grey or colour, without transparency, from what stb_image gives: grey, grey and alpha, colour, or colour and alpha.
Image in_channels(Image decoded, std::int64_t channels) {
  if (decoded.channels == channels) return decoded;
  const bool colour = decoded.channels >= 3;
  Image image{.height = decoded.height, .width = decoded.width, .channels = channels};
  image.pixels.reserve(static_cast<std::size_t>(image.height * image.width * channels));
  for (std::size_t i = 0; i < decoded.pixels.size(); i += static_cast<std::size_t>(decoded.channels)) {
    const std::uint8_t* pixel = &decoded.pixels[i];
    if (channels == 3) {
      image.pixels.insert(image.pixels.end(), {pixel[0], pixel[colour ? 1 : 0], pixel[colour ? 2 : 0]});
    } else {
      image.pixels.push_back(colour ? grey_of(pixel[0], pixel[1], pixel[2]) : pixel[0]);
    }
  }
  return image;
}

Size read_size(std::string_view bytes, const std::string& source) {
  Size size;
  int channels = 0;
  allocation_limit = kDecoderState;
  const int known =
      stbi_info_from_memory(as_bytes(bytes), static_cast<int>(bytes.size()), &size.width, &size.height, &channels);
  if (known == 0) {
    const std::string wrong = wrong_file(bytes, WantedFile::kImage);
    require(wrong.empty(), source, ": ", wrong);
    fail(source, ": not a readable PNG, JPEG or BMP image (", stbi_failure_reason(), ")");
  }
  // A BMP whose rows go from the top to the bottom has a negative height.
  if (bytes.starts_with("BM") && size.height < 0 && size.height > std::numeric_limits<int>::min())
    size.height = -size.height;
  return size;
}

}  // namespace

void ImageLimits::check(std::int64_t height, std::int64_t width, const std::string& source) const {
  require(height >= 1 && width >= 1 && height <= max_height && width <= max_width, source, ": image of ", height, 'x',
          width, " pixels (height x width) exceeds the limit of ", max_height, 'x', max_width);
}

Image decode_image(std::string_view bytes, std::int64_t channels, const std::string& source,
                   const ImageLimits& limits) {
  require(channels == 1 || channels == 3, "decode_image: channels must be 1 or 3 (", channels, ")");
  const std::uint64_t max_bytes = std::min<std::uint64_t>(limits.max_file_bytes, std::numeric_limits<int>::max());
  require(bytes.size() <= max_bytes, source, ": image file of ", bytes.size(), " bytes exceeds the limit of ",
          max_bytes);
  require(!bytes.empty(), source, ": not a readable PNG, JPEG or BMP image (empty file)");
  if (is_jpeg(bytes)) return decode_jpeg(bytes, channels, source, limits);
  check_png_structure(bytes, source);
  const std::size_t file_end = bytes.size();
  const PlainBmp bmp = plain_bmp(bytes, source);
  const std::string png = mended_png(bytes);
  if (!bmp.bytes.empty()) bytes = bmp.bytes;
  if (!png.empty()) bytes = png;
  const auto [height, width] = read_size(bytes, source);
  limits.check(height, width, source);

  // Enough for RGBA with 16 bits twice, and for the collected parts of a PNG's stream, which grow by doubling.
  allocation_limit =
      kDecoderState + static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 16 + bytes.size() * 2;
  const stbi_io_callbacks callbacks{.read = Reader::read, .skip = Reader::skip, .eof = Reader::at_end};
  Reader reader{.bytes = bytes};
  Size decoded;
  int file_channels = 0;
  const std::unique_ptr<stbi_uc, decltype(&std::free)> pixels(
      stbi_load_from_callbacks(&callbacks, &reader, &decoded.width, &decoded.height, &file_channels,
                               /*desired_channels=*/0),
      &std::free);
  require(!reader.past_end, source, ": byte ", file_end, ": truncated image, the file ends before its pixels do");
  require(pixels != nullptr, source, ": near byte ", reader.position, ": damaged image (", stbi_failure_reason(), ")");
  require(decoded.height == height && decoded.width == width, source, ": damaged image, its size is announced as ",
          height, 'x', width, " and as ", decoded.height, 'x', decoded.width);
  Image image{.height = height, .width = width, .channels = file_channels};
  image.pixels.assign(pixels.get(), pixels.get() + image.height * image.width * image.channels);
  spread_16_bits(bmp.green_bits, image);
  return in_channels(std::move(image), channels);
}

Image read_image(const std::filesystem::path& path, std::int64_t channels, const ImageLimits& limits) {
  return decode_image(read_file(path, limits.max_file_bytes), channels, path.string(), limits);
}

}  // namespace octet
