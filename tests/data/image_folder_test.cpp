// SPDX-License-Identifier: Apache-2.0
#include "octet/data/image_folder.h"

#include <gtest/gtest.h>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::error_text;

fs::path empty_folder(const std::string& name) {
  const fs::path folder = fs::path(testing::TempDir()) / ("octet_image_folder_" + name);
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

void put(const std::string& sample, const fs::path& target) {
  fs::create_directories(target.parent_path());
  fs::copy_file(fs::path(OCTET_TEST_DATA) / "images" / sample, target);
}

// Two classes, made in an order that is not the sorted one, between things that are not images of a class.
fs::path two_classes(const std::string& name) {
  const fs::path root = empty_folder(name);
  put("rgb.bmp", root / "zebra" / "b.BMP");
  put("rgb.png", root / "zebra" / "a10.png");
  put("rgb.png", root / "zebra" / "a9.png");
  put("rgb.jpg", root / "ant" / "x.jpeg");
  put("rgb.png", root / "not_in_a_class.png");
  put("rgb.png", root / ".hidden" / "a.png");
  put("rgb.png", root / "ant" / ".hidden.png");
  put("rgb.png", root / "ant" / "deeper" / "a.png");
  write_file_atomically(root / "ant" / "notes.txt", "no image");
  return root;
}

TEST(ImageFolder, SortsClassesAndFilesByName) {
  const fs::path root = two_classes("sorted");
  const ImageFolder folder(root);
  EXPECT_EQ(folder.class_names(), (std::vector<std::string>{"ant", "zebra"}));
  ASSERT_EQ(folder.size(), 4);
  const char* files[] = {"ant/x.jpeg", "zebra/a10.png", "zebra/a9.png", "zebra/b.BMP"};
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(folder.path(i), root / files[i]);
    EXPECT_EQ(folder.get(i).label, i == 0 ? 0 : 1);
  }
}

TEST(ImageFolder, DecodesInColourOrGrey) {
  const fs::path root = two_classes("channels");
  const Image colour = ImageFolder(root).get(1).image;
  EXPECT_EQ(colour.channels, 3);
  EXPECT_EQ(colour, read_image(root / "zebra" / "a10.png", 3));
  EXPECT_EQ(ImageFolder(root, {.channels = 1}).get(1).image.channels, 1);
}

TEST(ImageFolder, HashDependsOnNamesContentsAndChannels) {
  const fs::path root = two_classes("hash");
  const std::string hash = ImageFolder(root).content_hash();
  EXPECT_EQ(ImageFolder(two_classes("same_hash")).content_hash(), hash);
  EXPECT_NE(ImageFolder(root, {.channels = 1}).content_hash(), hash);
  fs::rename(root / "ant", root / "bee");
  EXPECT_NE(ImageFolder(root).content_hash(), hash);
  fs::rename(root / "bee", root / "ant");
  fs::remove(root / "ant" / "x.jpeg");
  put("grey.jpg", root / "ant" / "x.jpeg");
  EXPECT_NE(ImageFolder(root).content_hash(), hash);
}

TEST(ImageFolder, RefusesFoldersThatHoldNoDataset) {
  const fs::path root = empty_folder("bad");
  EXPECT_EQ(error_text([&] { ImageFolder{root}; }), "ImageFolder: " + root.string() + ": there are no class folders");
  EXPECT_EQ(error_text([&] { ImageFolder(root / "none"); }),
            "ImageFolder: " + (root / "none").string() + ": cannot be listed (No such file or directory)");
  fs::create_directories(root / "cat");
  EXPECT_EQ(error_text([&] { ImageFolder{root}; }),
            "ImageFolder: " + (root / "cat").string() + ": there are no png, jpg, jpeg or bmp files");
  put("rgb.png", root / "cat" / "a.png");
  EXPECT_EQ(error_text([&] { ImageFolder(root, {.channels = 4}); }), "ImageFolder: channels must be 1 or 3 (4)");
  EXPECT_EQ(error_text([&] { ImageFolder(root / "cat" / "a.png"); }),
            "ImageFolder: " + (root / "cat" / "a.png").string() + ": cannot be listed (Not a directory)");
}

TEST(ImageFolder, NamesTheFileThatCannotBeRead) {
  const fs::path root = two_classes("damaged");
  const ImageFolder folder(root, {.limits = {.max_height = 10}});
  EXPECT_EQ(
      error_text([&] { folder.get(0); }),
      (root / "ant" / "x.jpeg").string() + ": image of 24x40 pixels (height x width) exceeds the limit of 10x8192");
  fs::remove(folder.path(1));
  EXPECT_EQ(error_text([&] { folder.get(1); }),
            (root / "zebra" / "a10.png").string() + ": cannot open: No such file or directory");
  EXPECT_EQ(error_text([&] { folder.get(4); }), "ImageFolder: index 4 is outside of 4 samples");
}

}  // namespace
}  // namespace octet
