// SPDX-License-Identifier: Apache-2.0
#include "octet/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "support/address_space_limit.h"
#include "support/error_text.h"
#include "support/library_message.h"

namespace octet {
namespace {

using test::error_text;

std::string size_bytes(std::uint32_t size) {
  return {static_cast<char>(size >> 24), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
          static_cast<char>(size)};
}

std::string idx(std::uint8_t type, std::vector<std::uint32_t> sizes, const std::string& elements) {
  std::string bytes = {0, 0, static_cast<char>(type), static_cast<char>(sizes.size())};
  for (std::uint32_t size : sizes) bytes += size_bytes(size);
  return bytes + elements;
}

std::string parse_error(const std::string& bytes) {
  return error_text([&] { parse_idx(bytes, "a.idx"); });
}

std::filesystem::path temporary(const std::string& name, const std::string& contents) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / name;
  write_file_atomically(path, contents);
  return path;
}

// idx(8, {2}, "ab") through Python's gzip.compress(..., mtime=0).
const std::string kPacked(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x63\x60\xe0\x60\x64\x60\x60\x60\x4a\x4c\x02\x00\x8b\xf6\xc6\x4a\x0a\x00"
    "\x00\x00",
    30);

TEST(Idx, ReadsSizesAndValues) {
  const IdxArray array = parse_idx(idx(8, {2, 1, 3}, std::string("\x00\x01\x02\x03\xfe\xff", 6)), "a.idx");
  EXPECT_EQ(array.shape, (Shape{2, 1, 3}));
  EXPECT_EQ(array.values, (std::vector<std::uint8_t>{0, 1, 2, 3, 254, 255}));
}

TEST(Idx, ReadsPlainAndCompressedFilesAlike) {
  for (const auto& path : {temporary("plain.idx", idx(8, {2}, "ab")), temporary("packed.idx.gz", kPacked)}) {
    const IdxArray array = read_idx(path);
    EXPECT_EQ(array.shape, (Shape{2}));
    EXPECT_EQ(array.values, (std::vector<std::uint8_t>{'a', 'b'}));
  }
}

TEST(Idx, SaysWhatIsWrongAndWhere) {
  const struct {
    const char* what;
    std::string bytes, message;
  } cases[] = {
      {"empty", "", "a.idx: byte 0: an IDX header has at least 4 bytes"},
      {"three bytes", std::string("\0\0\x08", 3), "a.idx: byte 3: an IDX header has at least 4 bytes"},
      {"a gzip file that was not unpacked", kPacked, "a.idx: this is a gzip file, not an IDX file"},
      {"bytes of no known kind", "\1\2\3\4", "a.idx: byte 0: an IDX file starts with two zero bytes (1, 2)"},
      {"signed bytes", idx(9, {1}, "a"),
       "a.idx: byte 2: only IDX elements of type 8 (unsigned byte) are read (9, signed byte)"},
      {"integers", idx(12, {1}, "aaaa"),
       "a.idx: byte 2: only IDX elements of type 8 (unsigned byte) are read (12, 32-bit integer)"},
      {"floats", idx(13, {1}, "aaaa"),
       "a.idx: byte 2: only IDX elements of type 8 (unsigned byte) are read (13, float)"},
      {"a type that does not exist", idx(77, {1}, "a"),
       "a.idx: byte 2: only IDX elements of type 8 (unsigned byte) are read (77, unknown)"},
      {"no dimensions", idx(8, {}, "a"), "a.idx: byte 3: an IDX array has at least one dimension"},
      {"cut in the sizes", idx(8, {1, 1}, "").substr(0, 10),
       "a.idx: byte 10: the IDX header of 2 dimensions has 12 bytes"},
      {"255 dimensions", std::string("\0\0\x08\xff", 4),
       "a.idx: byte 4: the IDX header of 255 dimensions has 1024 bytes"},
      {"an empty dimension", idx(8, {3, 0}, "aaa"), "a.idx: byte 8: IDX dimension 1 has size 0"},
      {"cut in the elements", idx(8, {2, 3}, "abcde"),
       "a.idx: byte 8: IDX dimension 1 of size 3 asks for more elements than the 5 bytes behind the header (sizes "
       "before "
       "it [2])"},
      {"too many elements", idx(8, {2, 3}, "abcdefgh"),
       "a.idx: byte 18: 2 bytes follow the last IDX element (sizes [2, 3])"},
      {"a huge size", idx(8, {0xFFFFFFFF}, "a"),
       "a.idx: byte 4: IDX dimension 0 of size 4294967295 asks for more elements than the 1 bytes behind the header "
       "(sizes before it [])"},
      {"a product that is 0 in 64 bits", idx(8, {2, 1u << 31, 1u << 31, 2}, "ab"),
       "a.idx: byte 8: IDX dimension 1 of size 2147483648 asks for more elements than the 2 bytes behind the header "
       "(sizes before it [2])"},
  };
  for (const auto& c : cases) EXPECT_EQ(parse_error(c.bytes), c.message) << c.what;
}

TEST(Idx, NamesTheFileThatIsMissingDamagedOrTooLong) {
  const std::filesystem::path missing = std::filesystem::path(testing::TempDir()) / "missing.idx";
  EXPECT_EQ(error_text([&] { read_idx(missing); }), missing.string() + ": cannot open: No such file or directory");

  const auto cut = temporary("cut.idx.gz", kPacked.substr(0, 15));
  EXPECT_EQ(error_text([&] { read_idx(cut); }), cut.string() + ": byte 15: the gzip stream ends early");

  std::string damaged_bytes = kPacked;
  damaged_bytes[24] ^= 1;  // in the checksum
  const auto damaged = temporary("damaged.idx.gz", damaged_bytes);
  EXPECT_THAT(error_text([&] { read_idx(damaged); }),
              test::ends_in_library_words(damaged.string() + ": byte 26: damaged gzip stream ("));

  const auto whole = temporary("whole.idx.gz", kPacked);
  EXPECT_EQ(error_text([&] { read_idx(whole, 8); }),
            whole.string() +
                ": byte 4: IDX dimension 0 of size 2 asks for more elements than the 0 bytes that may come out of "
                "a packed file (sizes before it [])");
}

// idx(8, {2}, "ab" and 50000 zeros), and idx(8, {65536, 65536}, "ab"), packed likewise.
const std::string kBomb(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x41\x11\x00\x20\x10\x00\xa1\xd5\xd7\xd5\xd4\xfe\x21\xec\xe1\x00"
    "\x35\xab\xda\xe7\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xc0\x57\x1e\xd2"
    "\x6f\x77\x34\x5a\xc3\x00\x00",
    91);
const std::string kClaim(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x63\x60\xe0\x60\x62\x60\x64\x60\x00\xe1\xc4\x24\x00\x99\xd1\x9a\x7a\x0e"
    "\x00\x00\x00",
    31);

TEST(Idx, UnpacksNoMoreThanTheHeaderOfAPackedFileSays) {
  const auto bomb = temporary("bomb.idx.gz", kBomb);
  EXPECT_EQ(error_text([&] { read_idx(bomb); }), bomb.string() + ": more than the limit of 10 bytes when unpacked");
  const auto claim = temporary("claim.idx.gz", kClaim);
  EXPECT_EQ(error_text([&] { read_idx(claim); }),
            claim.string() +
                ": byte 8: IDX dimension 1 of size 65536 asks for more elements than the 2147483636 bytes "
                "that may come out of a packed file (sizes before it [65536])");
}

TEST(Idx, ReadsNoMoreThanTheHeaderOfAPlainFileSays) {
  const auto sparse = temporary("sparse.idx", idx(8, {2}, "ab"));
  std::filesystem::resize_file(sparse, 1 << 30);
  const test::AddressSpaceLimit limit(64 << 20);
  EXPECT_EQ(error_text([&] { read_idx(sparse); }),
            sparse.string() + ": byte 10: 1073741814 bytes follow the last IDX element (sizes [2])");
  std::filesystem::remove(sparse);
}

}  // namespace
}  // namespace octet
