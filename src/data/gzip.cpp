// SPDX-License-Identifier: Apache-2.0
#include "octet/data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "octet/base/error.h"
#include "octet/base/input_file.h"

namespace octet {
namespace {

bool starts_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

/// zlib's state, released at the end of its life.
class Inflater {
 public:
  Inflater() {
    constexpr int kLargestWindow = 15, kGzipHeader = 16;
    require(inflateInit2(&stream_, kLargestWindow + kGzipHeader) == Z_OK, "gzip: zlib cannot start");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

/// Counts of zlib have 32 bits.
uInt clamped(std::uint64_t count) {
  return static_cast<uInt>(std::min<std::uint64_t>(count, std::numeric_limits<uInt>::max()));
}

/// Stops after `enough` bytes.
std::string unpack(std::string_view packed, const std::string& source, std::uint64_t max_bytes,
                   std::uint64_t enough = std::numeric_limits<std::uint64_t>::max()) {
  Inflater inflater;
  z_stream& stream = inflater.stream();
  std::string out;
  std::uint64_t read = 0, written = 0;
  for (;;) {
    if (written == out.size())
      resize_contents(out, written + std::min(std::max<std::uint64_t>(written, 1 << 16), max_bytes + 1 - written),
                      source);
    const uInt in_size = clamped(packed.size() - read), out_size = clamped(out.size() - written);
    // zlib's interface is not const-correct; it does not write to its input.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + read));
    stream.avail_in = in_size;
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = out_size;
    const int result = inflate(&stream, Z_NO_FLUSH);
    read += in_size - stream.avail_in;
    written += out_size - stream.avail_out;
    if (written >= enough) {
      out.resize(enough);
      return out;
    }
    require(written <= max_bytes, source, ": more than the limit of ", max_bytes, " bytes when unpacked");
    if (result == Z_STREAM_END) {
      if (read == packed.size()) break;
      require(starts_gzip(packed.substr(read)), source, ": byte ", read, ": something else follows the gzip stream");
      inflateReset(&stream);
      continue;
    }
    // There always is room for output, so only a lack of input stops zlib.
    require(result != Z_BUF_ERROR, source, ": byte ", read, ": the gzip stream ends early");
    require(result == Z_OK, source, ": byte ", read, ": damaged gzip stream (",
            stream.msg ? stream.msg : zError(result), ")");
  }
  out.resize(written);
  return out;
}

}  // namespace

std::string unpack_gzip(std::string bytes, const std::string& source, std::uint64_t max_bytes) {
  if (starts_gzip(bytes)) return unpack(bytes, source, max_bytes);
  require(bytes.size() <= max_bytes, source, ": ", bytes.size(), " bytes, more than the limit of ", max_bytes);
  return bytes;
}

std::string unpack_gzip_start(std::string_view bytes, const std::string& source, std::uint64_t count) {
  if (!starts_gzip(bytes)) return std::string(bytes.substr(0, count));
  return unpack(bytes, source, /*max_bytes=*/count, /*enough=*/count);
}

std::string read_gzip_file(const std::filesystem::path& path, std::uint64_t max_bytes, std::uint64_t start_bytes,
                           const JudgeHeader& judge) {
  const InputFile file(path);
  const std::string source = path.string();
  const std::uint64_t size = file.reported_size();
  if (!starts_gzip(file.bytes(0, std::min<std::uint64_t>(size, 2)))) {
    require(size <= max_bytes, source, ": the file has ", size, " bytes, more than the limit of ", max_bytes);
    judge(file.bytes(0, std::min(size, start_bytes)), size);
    return file.bytes(0, size);
  }
  // What does not compress grows by 5 bytes per stored block; names and comments in headers may add a little.
  const std::uint64_t allowance = max_bytes / 1024 + (1 << 16);
  const std::uint64_t max_packed =
      max_bytes + std::min(allowance, std::numeric_limits<std::uint64_t>::max() - max_bytes);
  require(size <= max_packed, source, ": the file has ", size, " bytes, more than the limit of ", max_packed);
  const std::string packed = file.bytes(0, size);
  const std::uint64_t limit = judge(unpack_gzip_start(packed, source, start_bytes), std::nullopt);
  return unpack(packed, source, std::min(limit, max_bytes));
}

}  // namespace octet
