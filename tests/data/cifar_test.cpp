// SPDX-License-Identifier: Apache-2.0
#include "octet/data/cifar.h"

#include <gtest/gtest.h>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

constexpr std::size_t kPlane = 1024;

// Labels, then a red, a green and a blue plane of one value each.
std::string record(const std::string& labels, char red, char green, char blue) {
  return labels + std::string(kPlane, red) + std::string(kPlane, green) + std::string(kPlane, blue);
}

std::string parse_error(const std::string& bytes, CifarKind kind) {
  return error_text([&] { parse_cifar(bytes, kind, "batch.bin"); });
}

TEST(Cifar, TurnsPlanesIntoPixels) {
  std::string bytes = record("\x03", 10, 20, 30) + record("\x09", 1, 2, 3);
  bytes[1 + 33] = 99;  // red of the first image at (1, 1)
  const LabelledImages images = parse_cifar(bytes, CifarKind::kCifar10, "batch.bin");
  EXPECT_EQ(images.height, 32);
  EXPECT_EQ(images.width, 32);
  EXPECT_EQ(images.channels, 3);
  EXPECT_EQ(images.labels, (std::vector<std::int64_t>{3, 9}));
  ASSERT_EQ(images.pixels.size(), 2 * 3 * kPlane);
  const auto pixel = [&](std::size_t i) {
    return std::vector<int>(images.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i),
                            images.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i + 3));
  };
  EXPECT_EQ(pixel(0), (std::vector<int>{10, 20, 30}));
  EXPECT_EQ(pixel(33), (std::vector<int>{99, 20, 30}));
  EXPECT_EQ(pixel(kPlane), (std::vector<int>{1, 2, 3}));
}

TEST(Cifar, PicksTheCoarseOrTheFineLabel) {
  const std::string bytes = record("\x13\x63", 0, 0, 0);
  EXPECT_EQ(parse_cifar(bytes, CifarKind::kCifar100Coarse, "").labels, (std::vector<std::int64_t>{19}));
  EXPECT_EQ(parse_cifar(bytes, CifarKind::kCifar100Fine, "").labels, (std::vector<std::int64_t>{99}));
}

TEST(Cifar, SaysWhatIsWrongAndWhere) {
  const std::string whole = record("\x01", 0, 0, 0), whole100 = record("\x01\x01", 0, 0, 0);
  EXPECT_EQ(parse_error("", CifarKind::kCifar10),
            "batch.bin: byte 0: the file is empty, expected CIFAR-10 records of 3073 bytes");
  EXPECT_EQ(parse_error(whole.substr(1), CifarKind::kCifar10),
            "batch.bin: byte 0: CIFAR-10 records have 3073 bytes, but only 3072 are left");
  EXPECT_EQ(parse_error(whole + whole + "x", CifarKind::kCifar10),
            "batch.bin: byte 6146: CIFAR-10 records have 3073 bytes, but only 1 are left");
  EXPECT_EQ(parse_error(whole, CifarKind::kCifar100Fine),
            "batch.bin: byte 0: CIFAR-100 (fine labels) records have 3074 bytes, but only 3073 are left");
  EXPECT_EQ(parse_error(whole100, CifarKind::kCifar10),
            "batch.bin: byte 3073: CIFAR-10 records have 3073 bytes, but only 1 are left");
  EXPECT_EQ(parse_error(whole + record("\x0a", 0, 0, 0), CifarKind::kCifar10),
            "batch.bin: byte 3073: label 10 is not below the 10 classes of CIFAR-10");
  EXPECT_EQ(parse_error(record("\x14\x01", 0, 0, 0), CifarKind::kCifar100Coarse),
            "batch.bin: byte 0: label 20 is not below the 20 classes of CIFAR-100 (coarse labels)");
  EXPECT_EQ(parse_error(whole100 + record("\x01\x64", 0, 0, 0), CifarKind::kCifar100Fine),
            "batch.bin: byte 3075: label 100 is not below the 100 classes of CIFAR-100 (fine labels)");
}

TEST(Cifar, ReadsFilesAndNamesMissingOnes) {
  const std::filesystem::path folder = testing::TempDir();
  write_file_atomically(folder / "one.bin", record("\x07", 5, 6, 7));
  EXPECT_EQ(read_cifar(folder / "one.bin", CifarKind::kCifar10).labels, (std::vector<std::int64_t>{7}));
  EXPECT_EQ(error_text([&] { read_cifar(folder / "none.bin", CifarKind::kCifar10); }),
            (folder / "none.bin").string() + ": cannot open: No such file or directory");
}

}  // namespace
}  // namespace octet
