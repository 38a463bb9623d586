// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/safetensors.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "octet/base/file.h"
#include "support/address_space_limit.h"
#include "support/error_text.h"

namespace octet::safetensors {
namespace {

using test::error_text;

std::string length_of(std::uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

std::string file_of(const std::string& header, const std::string& data = "") {
  return length_of(header.size()) + header + data;
}

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// One tensor "w" with the given fields.
std::string one_tensor(const std::string& dtype, const std::string& shape, const std::string& offsets,
                       const std::string& data) {
  return file_of(R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}", data);
}

std::string parse_error(const std::string& bytes) {
  return error_text([&] { File::parse(bytes, "w.safetensors"); });
}

std::string temporary(const std::string& name) { return testing::TempDir() + name; }

TEST(Safetensors, WritesTheFormatByteForByte) {
  const std::vector<float> weight = {1.5F, -2.0F};
  const std::int64_t count = 3;
  const std::string path = temporary("bytes.safetensors");
  write(path,
        std::vector<Source>{{.name = "w", .shape = {2, 1}, .floats = weight},
                            {.name = "n", .shape = {}, .integers = {&count, 1}}},
        {{"format", "pt"}});
  std::string header =
      R"({"__metadata__": {"format": "pt"}, "n": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]}, )"
      R"("w": {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(read_file(path, 1 << 20), file_of(header, bytes_of<std::int64_t>({3}) + bytes_of(weight)));
}

TEST(Safetensors, ReadsWhatItWrote) {
  const std::vector<float> a = {1, 2, 3, -0.0F, 1e-45F, std::numeric_limits<float>::infinity()}, b = {7};
  const std::vector<std::int64_t> n = {std::numeric_limits<std::int64_t>::min(), 1, 2};
  const std::string path = temporary("round_trip.safetensors");
  write(path,
        std::vector<Source>{{.name = "a", .shape = {2, 3}, .floats = a},
                            {.name = "n", .shape = {3}, .integers = n},
                            {.name = "empty", .shape = {0, 4}},
                            {.name = "b \"\n\u00e9", .shape = {}, .floats = b}},
        {{"epoch", "3"}, {"note", "line\nline"}});
  const File file = File::read(path);
  ASSERT_EQ(file.entries().size(), 4u);
  const std::vector<float> read = file.floats(*file.find("a"));
  EXPECT_EQ(std::memcmp(read.data(), a.data(), a.size() * sizeof(float)), 0);
  EXPECT_EQ(file.integers(*file.find("n")), n);
  EXPECT_EQ(file.find("empty")->shape, (Shape{0, 4}));
  EXPECT_EQ(file.floats(*file.find("b \"\n\u00e9")), b);
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_EQ(file.metadata(), (Metadata{{"epoch", "3"}, {"note", "line\nline"}}));
}

TEST(Safetensors, ReadsTheFileThatPyTorchMade) {
  const File file = File::read(OCTET_TEST_DATA "/resnet8_pytorch.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.find("conv1.weight")->shape, (Shape{16, 1, 3, 3}));
  EXPECT_EQ(file.integers(*file.find("bn1.num_batches_tracked")), (std::vector<std::int64_t>{1234}));
}

TEST(Safetensors, ReadsHalfBrainAndDoubleFloats) {
  const std::vector<std::uint16_t> halves = {0x3C00, 0xC000, 0x7BFF, 0x0001, 0x83FF, 0x7C00, 0x8000, 0x7E00};
  const File half = File::parse(one_tensor("F16", "[8]", "[0,16]", bytes_of(halves)), "half");
  const std::vector<float> h = half.floats(*half.find("w"));
  EXPECT_EQ(h[0], 1.0F);
  EXPECT_EQ(h[1], -2.0F);
  EXPECT_EQ(h[2], 65504.0F);
  EXPECT_EQ(h[3], 0x1p-24F);
  EXPECT_EQ(h[4], -1023 * 0x1p-24F);
  EXPECT_EQ(h[5], std::numeric_limits<float>::infinity());
  EXPECT_TRUE(h[6] == 0.0F && std::signbit(h[6]));
  EXPECT_TRUE(std::isnan(h[7]));

  const File brain =
      File::parse(one_tensor("BF16", "[2]", "[0,4]", bytes_of<std::uint16_t>({0x3FC0, 0xFF80})), "brain");
  EXPECT_EQ(brain.floats(*brain.find("w")), (std::vector<float>{1.5F, -std::numeric_limits<float>::infinity()}));

  const File wide = File::parse(one_tensor("F64", "[2]", "[0,16]", bytes_of<double>({0.1, -INFINITY})), "wide");
  EXPECT_EQ(wide.floats(*wide.find("w")), (std::vector<float>{0.1F, -std::numeric_limits<float>::infinity()}));
  const File huge = File::parse(one_tensor("F64", "[1]", "[0,8]", bytes_of<double>({1e39})), "huge");
  EXPECT_EQ(error_text([&] { huge.floats(*huge.find("w")); }),
            "huge: tensor \"w\": the F64 value 1e+39 is beyond float32's range");
}

TEST(Safetensors, ReadsTensorsThatAreNotAlignedAndInAnyOrder) {
  const File file = File::parse(
      file_of(
          R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[3,7]},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})",
          "xyz" + bytes_of<float>({2.5F})),
      "unaligned");
  EXPECT_EQ(file.entries().front().name, "a");
  EXPECT_EQ(file.floats(*file.find("b")), (std::vector<float>{2.5F}));
}

TEST(Safetensors, ReadsOnlyTheTypesItWasAskedFor) {
  const File bytes = File::parse(one_tensor("U8", "[2]", "[0,2]", "ab"), "bytes");
  EXPECT_EQ(error_text([&] { bytes.floats(*bytes.find("w")); }),
            "bytes: tensor \"w\": expected F32, F16, BF16 or F64, got U8");
  EXPECT_EQ(error_text([&] { bytes.integers(*bytes.find("w")); }), "bytes: tensor \"w\": expected I64, got U8");
}

TEST(Safetensors, RefusesFilesThatAreTooShortOrLieAboutTheirHeader) {
  EXPECT_EQ(parse_error("1234567"), "w.safetensors: byte 0: a safetensors file has at least 8 bytes, this one has 7");
  EXPECT_EQ(parse_error(length_of(100) + "{}"),
            "w.safetensors: byte 0: the header is said to have 100 bytes, but 2 follow");
  EXPECT_EQ(
      parse_error(length_of(~std::uint64_t{0}) + "{}"),
      "w.safetensors: byte 0: the header is said to have 18446744073709551615 bytes; at most 100000000 are allowed");
  EXPECT_EQ(parse_error(length_of(100'000'001) + "{}"),
            "w.safetensors: byte 0: the header is said to have 100000001 bytes; at most 100000000 are allowed");
  EXPECT_EQ(parse_error(file_of(" {}")),
            "w.safetensors: byte 8: the header must start with {; this is no safetensors file, or a damaged one");
  EXPECT_EQ(parse_error(file_of("")),
            "w.safetensors: byte 8: the header must start with {; this is no safetensors file, or a damaged one");
}

TEST(Safetensors, SaysWhereTheHeaderIsNoJson) {
  const std::string where = "w.safetensors (header at byte 8):1:";
  EXPECT_TRUE(parse_error(file_of(R"({"w":[1,})")).starts_with(where + "9: ")) << parse_error(file_of(R"({"w":[1,})"));
  EXPECT_TRUE(parse_error(file_of("{} x")).starts_with(where)) << parse_error(file_of("{} x"));
  EXPECT_EQ(parse_error(file_of(R"({"w":{},"w":{}})")), where + "9: duplicate key \"w\"");
  EXPECT_TRUE(parse_error(file_of("{\"\xff\":1}")).starts_with(where)) << parse_error(file_of("{\"\xff\":1}"));
  const std::string deep(100, '[');
  EXPECT_TRUE(parse_error(file_of("{\"w\":" + deep)).starts_with(where)) << parse_error(file_of("{\"w\":" + deep));
}

TEST(Safetensors, RefusesHeadersOfAnotherForm) {
  const std::string where = "w.safetensors (header at byte 8):1:";
  const std::string four = "abcd";
  EXPECT_EQ(parse_error(file_of(R"({"w":3})")), where + "6: expected a map, got the integer 3");
  EXPECT_EQ(parse_error(file_of(R"({"w":{"dtype":"F32","shape":[1]}})", four)), where + "6: no key \"data_offsets\"");
  EXPECT_EQ(parse_error(file_of(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", four)),
            where + "58: tensor \"w\": unknown key \"x\"");
  EXPECT_EQ(parse_error(one_tensor("float", "[1]", "[0,4]", four)),
            where + "15: tensor \"w\": unknown dtype \"float\"");
  EXPECT_EQ(parse_error(one_tensor("F32", "[-1]", "[0,4]", four)),
            where + "30: tensor \"w\": a size or an offset is negative (-1)");
  EXPECT_EQ(parse_error(one_tensor("F32", "[1]", "[0,-4]", four)),
            where + "51: tensor \"w\": a size or an offset is negative (-4)");
  EXPECT_EQ(parse_error(one_tensor("F32", "[1.0]", "[0,4]", four)),
            where + "30: expected an integer, got the real 1.0");
  EXPECT_EQ(parse_error(one_tensor("F32", "[1]", "[0]", four)),
            where + "48: tensor \"w\": data_offsets are two, got 1");
  EXPECT_EQ(parse_error(file_of(R"({"__metadata__":{"epoch":3}})")),
            where + "26: expected a string, got the integer 3");
}

TEST(Safetensors, RefusesSizesThatOverflowOrDisagree) {
  const std::string where = "w.safetensors (header at byte 8):1:";
  const std::string four = "abcd";
  EXPECT_EQ(parse_error(one_tensor("F32", "[4294967296,4294967296]", "[0,4]", four)),
            where + "29: tensor \"w\": the size of shape [4294967296, 4294967296] overflows");
  EXPECT_EQ(parse_error(one_tensor("F32", "[2305843009213693952]", "[0,4]", four)),
            where + "29: tensor \"w\": the size of shape [2305843009213693952] overflows");
  EXPECT_EQ(parse_error(one_tensor("F32", "[2]", "[0,4]", four)),
            where + "48: tensor \"w\": F32 [2] takes 8 bytes, but data_offsets [0, 4] hold 4");
  EXPECT_EQ(parse_error(one_tensor("F16", "[]", "[0,4]", four)),
            where + "47: tensor \"w\": F16 [] takes 2 bytes, but data_offsets [0, 4] hold 4");
}

TEST(Safetensors, RefusesTensorsOutsideTheDataOrOnTopOfEachOther) {
  const std::string where = "w.safetensors (header at byte 8):1:";
  EXPECT_EQ(parse_error(one_tensor("F32", "[1]", "[0,4]", "abc")),
            where + "48: tensor \"w\": data_offsets [0, 4] do not lie in order within the 3 bytes of data");
  EXPECT_EQ(parse_error(one_tensor("F32", "[1]", "[4,0]", "abcd")),
            where + "48: tensor \"w\": data_offsets [4, 0] do not lie in order within the 4 bytes of data");
  EXPECT_EQ(parse_error(one_tensor("F32", "[1]", "[1,5]", "abcde")),
            "w.safetensors: the data has a gap before tensor \"w\" (bytes 0 to 1)");
  EXPECT_EQ(parse_error(one_tensor("F32", "[1]", "[0,4]", "abcdef")),
            "w.safetensors: the tensors end at data offset 4, but the file has 6 bytes of data");
  const auto two = [](const char* first, const char* second) {
    return file_of(std::string(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)") + first +
                       R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}",
                   "abcdefgh");
  };
  EXPECT_EQ(parse_error(two("[0,4]", "[2,6]")),
            "w.safetensors: tensor \"b\" at data offset 2 overlaps the one before it, which ends at 4");
  EXPECT_EQ(parse_error(two("[4,8]", "[4,8]")), "w.safetensors: the data has a gap before tensor \"a\" (bytes 0 to 4)");
  EXPECT_EQ(parse_error(two("[0,4]", "[4,8]")), "no error");
}

TEST(Safetensors, EveryTruncationOfAFileIsAnError) {
  const std::string whole = read_file(OCTET_TEST_DATA "/resnet8_pytorch.safetensors", 1 << 20);
  for (std::size_t size = 0; size < whole.size(); size += size < 4000 ? 97 : 40009)
    EXPECT_NE(parse_error(whole.substr(0, size)), "no error") << size;
}

TEST(Safetensors, RefusesToWriteWhatCouldNotBeRead) {
  const std::vector<float> one = {1};
  const std::string path = temporary("refused.safetensors");
  const auto write_error = [&](std::vector<Source> sources) { return error_text([&] { write(path, sources); }); };
  EXPECT_EQ(write_error({{.name = "", .shape = {1}, .floats = one}}), "safetensors: a tensor cannot be called \"\"");
  EXPECT_EQ(write_error({{.name = "__metadata__", .shape = {1}, .floats = one}}),
            "safetensors: a tensor cannot be called \"__metadata__\"");
  EXPECT_EQ(write_error({{.name = "w", .shape = {1}, .floats = one}, {.name = "w", .shape = {1}, .floats = one}}),
            "duplicate key \"w\"");
  EXPECT_EQ(write_error({{.name = "w", .shape = {2}, .floats = one}}),
            "safetensors: tensor \"w\": shape [2] needs 2 values, got 1");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Safetensors, SaysWhichFileIsMissing) {
  EXPECT_TRUE(error_text([] { File::read("/nowhere/w.safetensors"); }).starts_with("/nowhere/w.safetensors: "))
      << error_text([] { File::read("/nowhere/w.safetensors"); });
  EXPECT_TRUE(error_text([] { write("/nowhere/w.safetensors", {}); }).starts_with("/nowhere/w.safetensors"))
      << error_text([] { write("/nowhere/w.safetensors", {}); });
}

TEST(Safetensors, QuotesNoShapeOfAMillionSizes) {
  std::string shape = "[1";
  for (int i = 0; i < 100'000; ++i) shape += ",2";
  const std::string error = parse_error(one_tensor("F32", shape + "]", "[0,4]", "abcd"));
  EXPECT_TRUE(error.ends_with(": tensor \"w\": a shape has at most 64 sizes, got 100001")) << error.substr(0, 300);
}

TEST(Safetensors, SealedFilesShowWhatHasChanged) {
  const std::vector<float> values(1 << 19, 0.5F);  // more than is hashed at a time
  const std::string path = temporary("sealed.safetensors");
  const std::vector<Source> sources = {{.name = "w", .shape = {1 << 19}, .floats = values}};
  write(path, sources, {{"note", "text"}}, {.sealed = true});
  EXPECT_NO_THROW(File::read(path).require_whole());
  const std::string whole = read_file(path, 1 << 24);
  for (const std::size_t at : {whole.find("text"), whole.find("sha256") + 10, whole.size() - 1, whole.size() / 2}) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    write_file_atomically(path, changed);
    EXPECT_EQ(error_text([&] { File::read(path).require_whole(); }),
              path + ": is damaged: its checksum is not that of its bytes");
  }
  write(path, sources);
  EXPECT_EQ(error_text([&] { File::read(path).require_whole(); }),
            path + ": has no checksum: its header has no \"sha256\"");
}

TEST(Safetensors, CallsOtherKindsOfFilesByTheirNames) {
  EXPECT_EQ(parse_error(""), "w.safetensors: this is an empty file, not safetensors weights");
  EXPECT_EQ(parse_error("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"),
            "w.safetensors: this is a Git LFS pointer, not the file it stands for, not safetensors weights; `git lfs "
            "pull` in "
            "its repository fetches the file itself");
  EXPECT_EQ(
      parse_error("<!DOCTYPE html><title>404</title>"),
      "w.safetensors: this is a web page, perhaps instead of a download, not safetensors weights; download it again, "
      "and look at what the server says");
}

TEST(Safetensors, JudgesTheHeaderBeforeItReadsTheRest) {
  const std::string path = temporary("sparse.safetensors");
  write_file_atomically(path, one_tensor("F32", "[1]", "[0,4]", "abcd"));
  std::filesystem::resize_file(path, std::uintmax_t{6} << 30);  // a hole
  const test::AddressSpaceLimit limit(64 << 20);
  EXPECT_EQ(error_text([&] { File::read(path); }),
            path + ": the tensors end at data offset 4, but the file has 6442450882 bytes of data");
  std::filesystem::remove(path);
}

TEST(Safetensors, TakesNoMemoryForValuesThatNobodyAsksFor) {
  const std::string path = temporary("large.safetensors");
  const std::string header = R"({"__metadata__":{"key":"value"},"large":{"dtype":"F32","shape":[1610612736],)"
                             R"("data_offsets":[0,6442450944]},"w":{"dtype":"F32","shape":[1],)"
                             R"("data_offsets":[6442450944,6442450948]}})";
  write_file_atomically(path, file_of(header));
  std::filesystem::resize_file(path, 8 + header.size() + (std::uintmax_t{6} << 30) + 4);
  const test::AddressSpaceLimit limit(64 << 20);
  const File file = File::read(path);
  EXPECT_EQ(file.metadata().at("key"), "value");
  EXPECT_EQ(file.floats(*file.find("w")), std::vector<float>{0.0F});
#ifndef __SANITIZE_ADDRESS__  // which ends a program whose `new` finds no memory
  EXPECT_EQ(error_text([&] { file.floats(*file.find("large")); }),
            path + ": not enough memory for 6442450944 bytes of it");
#endif
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace octet::safetensors
