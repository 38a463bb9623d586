// SPDX-License-Identifier: Apache-2.0
// libjpeg reports errors by a callback that must not return. Ours leaves by longjmp, to `succeeds`: what runs in
// between, the steps of decode_jpeg, holds nothing that has a destructor.
#include "octet/data/jpeg_file.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs it

#include <jpeglib.h>

#include <jerror.h>

#include "octet/base/error.h"
#include "octet/data/grey.h"

namespace octet {
namespace {

// Encoders write about ten. Each costs a pass over the whole image, though a scan may be a few bytes.
constexpr int kMaxScans = 500;

struct Decoder {
  jpeg_decompress_struct state{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf on_error;
  bool truncated = false, endless = false;

  Decoder() {
    state.err = jpeg_std_error(&errors);
    errors.error_exit = give_up;
    errors.emit_message = [](j_common_ptr common, int level) {
      if (level < 0 && is_damage(common->err->msg_code)) give_up(common);
    };
    errors.output_message = [](j_common_ptr) {};
    progress.progress_monitor = [](j_common_ptr common) {
      Decoder& decoder = of(common);
      decoder.endless = decoder.state.input_scan_number > kMaxScans;
      if (decoder.endless) give_up(common);
    };
    state.client_data = this;  // jpeg_create_decompress leaves it
  }
  ~Decoder() { jpeg_destroy_decompress(&state); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  static Decoder& of(j_common_ptr common) { return *static_cast<Decoder*>(common->client_data); }

  // Of what libjpeg warns of and mends, these two lose nothing of the image.
  static bool is_damage(int code) { return code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR; }

  [[noreturn]] static void give_up(j_common_ptr common) {
    Decoder& decoder = of(common);
    decoder.truncated = common->err->msg_code == JWRN_JPEG_EOF;
    std::longjmp(decoder.on_error, 1);
  }

  // False where libjpeg reported an error in `step`.
  template <class Step>
  bool succeeds(const Step& step) {
    if (setjmp(on_error) != 0) return false;
    step();
    return true;
  }

  [[noreturn]] void report(std::size_t file_size, const std::string& source) {
    require(!truncated, source, ": byte ", file_size, ": truncated JPEG, the file ends before its pixels do");
    const std::size_t byte = state.src == nullptr ? 0 : file_size - state.src->bytes_in_buffer;
    require(!endless, source, ": near byte ", byte, ": damaged JPEG, more than ", kMaxScans, " scans");
    char words[JMSG_LENGTH_MAX];
    errors.format_message(reinterpret_cast<j_common_ptr>(&state), words);
    fail(source, ": near byte ", byte, ": damaged JPEG (", words, ")");
  }
};

std::uint8_t product(unsigned a, unsigned b) { return static_cast<std::uint8_t>((a * b + 127) / 255); }

// How much light cyan, magenta and yellow leave, each less by what black takes: Adobe's programs, which write nearly
// all such files, store the light and not the ink, and like Pillow this takes all files for theirs.
Image from_cmyk(const Image& cmyk, std::int64_t channels) {
  Image image{.height = cmyk.height, .width = cmyk.width, .channels = channels};
  image.pixels.reserve(cmyk.pixels.size() / 4 * static_cast<std::size_t>(channels));
  for (std::size_t i = 0; i < cmyk.pixels.size(); i += 4) {
    const std::uint8_t* pixel = &cmyk.pixels[i];
    const std::uint8_t red = product(pixel[0], pixel[3]), green = product(pixel[1], pixel[3]),
                       blue = product(pixel[2], pixel[3]);
    if (channels == 3) {
      image.pixels.insert(image.pixels.end(), {red, green, blue});
    } else {
      image.pixels.push_back(grey_of(red, green, blue));
    }
  }
  return image;
}

Image from_rgb(const Image& rgb) {
  Image image{.height = rgb.height, .width = rgb.width, .channels = 1};
  image.pixels.reserve(rgb.pixels.size() / 3);
  for (std::size_t i = 0; i < rgb.pixels.size(); i += 3)
    image.pixels.push_back(grey_of(rgb.pixels[i], rgb.pixels[i + 1], rgb.pixels[i + 2]));
  return image;
}

}  // namespace

bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8"); }

Image decode_jpeg(std::string_view bytes, std::int64_t channels, const std::string& source, const ImageLimits& limits) {
  Decoder decoder;
  jpeg_decompress_struct& state = decoder.state;
  const bool has_header = decoder.succeeds([&] {
    jpeg_create_decompress(&state);
    state.progress = &decoder.progress;
    jpeg_mem_src(&state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&state, TRUE);
  });
  if (!has_header) decoder.report(bytes.size(), source);
  limits.check(state.image_height, state.image_width, source);
  require(state.jpeg_color_space != JCS_UNKNOWN, source, ": a JPEG of ", state.num_components,
          " components, which stand for no known colours");

  const bool cmyk = state.jpeg_color_space == JCS_CMYK || state.jpeg_color_space == JCS_YCCK;
  // Grey is made from the colours, as Pillow's convert("L") does: the file's own brightness differs by their rounding.
  const bool grey = channels == 1 && state.jpeg_color_space == JCS_GRAYSCALE;
  state.out_color_space = cmyk ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
  Image image{.height = state.image_height, .width = state.image_width, .channels = cmyk ? 4 : grey ? 1 : 3};
  image.pixels.resize(static_cast<std::size_t>(image.height * image.width * image.channels));
  const bool has_pixels = decoder.succeeds([&] {
    jpeg_start_decompress(&state);
    while (state.output_scanline < state.output_height) {
      const std::size_t row = state.output_scanline;
      JSAMPROW pixels = image.pixels.data() + row * static_cast<std::size_t>(image.width * image.channels);
      jpeg_read_scanlines(&state, &pixels, 1);
    }
    jpeg_finish_decompress(&state);
  });
  if (!has_pixels) decoder.report(bytes.size(), source);
  if (cmyk) return from_cmyk(image, channels);
  return image.channels == channels ? image : from_rgb(image);
}

}  // namespace octet
