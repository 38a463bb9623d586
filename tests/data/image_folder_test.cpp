// SPDX-License-Identifier: Apache-2.0
#include "octet/data/image_folder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

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
  ASSERT_EQ(folder.size(), 5);
  const char* files[] = {"ant/x.jpeg", "ant/deeper/a.png", "zebra/a10.png", "zebra/a9.png", "zebra/b.BMP"};
  for (std::int64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(folder.path(i), root / files[i]);
    EXPECT_EQ(folder.get(i).label, i < 2 ? 0 : 1);
  }
}

TEST(ImageFolder, ReadsNestedFoldersInTheOrderOfTorchvision) {
  const fs::path root = empty_folder("nested");
  // As sorted(os.walk()) has it: folders by their whole paths, so that "a-b" comes before "a/c".
  const char* files[] = {"ant/z.png", "ant/a/1.png", "ant/a-b/1.png", "ant/a/c/1.png", "ant/b/1.png"};
  for (const char* file : files) put("rgb.png", root / file);
  fs::create_directory_symlink(root / "ant" / "b", root / "ant" / "link");
  fs::create_directory_symlink(root / "ant", root / "ant" / "b" / "loop");
  const ImageFolder folder(root);
  const char* expected[] = {"ant/z.png",     "ant/a/1.png", "ant/a-b/1.png",
                            "ant/a/c/1.png", "ant/b/1.png", "ant/link/1.png"};
  ASSERT_EQ(folder.size(), 6);
  for (std::int64_t i = 0; i < 6; ++i) EXPECT_EQ(folder.path(i), root / expected[i]);
}

TEST(ImageFolder, CountsWhatItLeavesOut) {
  const fs::path root = two_classes("left_out");
  for (const char* name : {"1.webp", "2.WEBP", "3.webp", "4.webp", "5.gif"})
    write_file_atomically(root / "ant" / name, "no image");
  fs::create_symlink(root / "nowhere.png", root / "zebra" / "dead.png");
  std::map<std::string, std::int64_t> counts;
  for (const LeftOut& group : ImageFolder(root).left_out()) {
    counts[group.reason] = group.count;
    if (group.reason != ".webp") continue;
    EXPECT_EQ(group.files, (std::vector<std::string>{"ant/1.webp", "ant/2.WEBP", "ant/3.webp"}));
  }
  EXPECT_EQ(counts,
            (std::map<std::string, std::int64_t>{
                {".gif", 1}, {".txt", 1}, {".webp", 4}, {"dead link", 1}, {"hidden", 2}, {"in no class folder", 1}}));
}

TEST(ImageFolder, ChecksAllFilesBeforeTheyAreNeeded) {
  const fs::path root = two_classes("check");
  const std::string hash = ImageFolder(root).content_hash();
  EXPECT_EQ(ImageFolder(root, {.check = ImageFolder::Check::kStop, .workers = 3}).content_hash(), hash);
  const fs::path damaged = root / "zebra" / "a9.png";
  fs::resize_file(damaged, 60);
  const std::string words = damaged.string() + ": byte 33: truncated PNG, a chunk of 44 bytes but only 15 are left";
  for (const int workers : {0, 3}) {
    EXPECT_EQ(
        error_text([&] { ImageFolder(root, {.check = ImageFolder::Check::kStop, .workers = workers}); }),
        "ImageFolder: " + root.string() +
            ": 1 of 5 image files cannot be read; mend or remove them, or leave them out (on_unreadable: skip):\n  " +
            words);
    const ImageFolder folder(root, {.check = ImageFolder::Check::kSkip, .workers = workers});
    EXPECT_EQ(folder.size(), 4);
    EXPECT_EQ(folder.path(3), root / "zebra" / "b.BMP");
    EXPECT_EQ(folder.left_out().back().files, std::vector<std::string>{words});
  }
  fs::remove(damaged);
  EXPECT_EQ(ImageFolder(root).content_hash(), ImageFolder(root, {.check = ImageFolder::Check::kSkip}).content_hash());
  for (const char* file : {"x.jpeg", "deeper/a.png"}) fs::resize_file(root / "ant" / file, 10);
  EXPECT_EQ(error_text([&] { ImageFolder(root, {.check = ImageFolder::Check::kSkip}); }),
            "ImageFolder: " + (root / "ant").string() + ": none of the images can be read");
}

TEST(ImageFolder, NamesAClassFolderThatIsNotUtf8) {
  const fs::path root = empty_folder("not_utf8");
  put("rgb.png", root / "caf\xe9" / "a.png");
  EXPECT_EQ(error_text([&] { ImageFolder{root}; }),
            "ImageFolder: " + root.string() + R"(: the name of the class folder "caf\xe9" is not UTF-8)");
}

TEST(ImageFolder, DecodesInColourOrGrey) {
  const fs::path root = two_classes("channels");
  const Image colour = ImageFolder(root).get(2).image;
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
  fs::remove(folder.path(2));
  EXPECT_EQ(error_text([&] { folder.get(2); }),
            (root / "zebra" / "a10.png").string() + ": cannot open: No such file or directory");
  EXPECT_EQ(error_text([&] { folder.get(5); }), "ImageFolder: index 5 is outside of 5 samples");
}

TEST(ImageFolder, RefusesAFileThatHasChangedSinceItWasChecked) {
  const fs::path root = empty_folder("changed");
  for (const char* name : {"1.png", "2.png"}) put("rgb.png", root / "a" / name);
  const ImageFolder checked(root, {.check = ImageFolder::Check::kStop}), unchecked(root);
  // Written again, but with the same content: nothing has changed.
  fs::last_write_time(root / "a" / "1.png", fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_EQ(checked.get(0).image, unchecked.get(0).image);
  fs::remove(root / "a" / "2.png");
  put("grey.png", root / "a" / "2.png");
  EXPECT_EQ(error_text([&] { checked.get(1); }),
            (root / "a" / "2.png").string() + ": has been changed since it was checked, before the first step");
  EXPECT_NO_THROW(unchecked.get(1));
}

TEST(ImageFolder, KnowsAnImageOfEachSizeThatItChecked) {
  const fs::path root = empty_folder("sizes");
  put("rgb.png", root / "a" / "1.png");
  put("rgb.bmp", root / "a" / "2.bmp");
  put("subsampled.jpg", root / "a" / "3.jpg");
  EXPECT_EQ(ImageFolder(root, {.check = ImageFolder::Check::kStop}).one_of_each_size(),
            (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(ImageFolder(root).one_of_each_size(), std::vector<std::int64_t>{0});
}

}  // namespace
}  // namespace octet
