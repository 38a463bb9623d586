// SPDX-License-Identifier: Apache-2.0
// unpack_gzip on arbitrary bytes, with a limit that is kept; and on bytes that zlib packed, which come back as they
// were.
#include <zlib.h>

#include "fuzz_target.h"
#include "octet/data/gzip.h"

namespace {

constexpr std::uint64_t kLimit = 1 << 20, kStart = 100;

std::string packed(std::string_view bytes) {
  constexpr int kLargestWindow = 15, kGzipHeader = 16, kMemory = 8;
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, kLargestWindow + kGzipHeader, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    std::abort();
  std::string out(deflateBound(&stream, bytes.size()), 0);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

void octet::fuzz(std::string_view bytes) {
  if (unpack_gzip(packed(bytes), "fuzz", bytes.size()) != bytes) std::abort();
  const std::string start = unpack_gzip_start(bytes, "fuzz", kStart);
  const std::string whole = unpack_gzip(std::string(bytes), "fuzz", kLimit);
  if (whole.size() > kLimit || whole.substr(0, kStart) != start) std::abort();
}
