// SPDX-License-Identifier: Apache-2.0
#include "octet/data/png_structure.h"

#include <gtest/gtest.h>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

std::string sample(const std::string& name) {
  return read_file(std::string(OCTET_TEST_DATA) + "/images/" + name, 1 << 20);
}

std::string png_error(const std::string& bytes) {
  return test::error_text([&] { check_png_structure(bytes, "a.png"); });
}

TEST(PngStructure, AcceptsWholeFilesAndLeavesOtherFormatsAlone) {
  for (const char* name : {"rgb.png", "grey.jpg", "rgb.bmp"}) EXPECT_EQ(png_error(sample(name)), "no error") << name;
}

TEST(PngStructure, AcceptsWhatFollowsTheEnd) { EXPECT_EQ(png_error(sample("rgb.png") + "trailing"), "no error"); }

TEST(PngStructure, SaysWhereAPngIsDamaged) {
  const std::string whole = sample("rgb.png");
  std::string damaged = whole;
  damaged[45] ^= 1;
  EXPECT_EQ(png_error(damaged), "a.png: byte 33: damaged PNG, the checksum of a chunk does not match");
  EXPECT_EQ(png_error(whole.substr(0, 60)), "a.png: byte 33: truncated PNG, a chunk of 44 bytes but only 15 are left");
  EXPECT_EQ(png_error(whole.substr(0, whole.size() - 12)), "a.png: byte 89: truncated PNG, a chunk is missing");
  std::string endless = whole;
  endless.replace(33, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(png_error(endless), "a.png: byte 33: truncated PNG, a chunk of 4294967295 bytes but only 56 are left");
}

}  // namespace
}  // namespace octet
