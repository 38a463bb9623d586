// SPDX-License-Identifier: Apache-2.0
#include "octet/data/known_datasets.h"

#include <gtest/gtest.h>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::error_text;

// A new empty folder for each test.
fs::path empty_folder(const std::string& name) {
  const fs::path folder = fs::path(testing::TempDir()) / ("octet_known_datasets_" + name);
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

std::string idx(const std::vector<char>& sizes, const std::string& elements) {
  std::string bytes = {0, 0, 8, static_cast<char>(sizes.size())};
  for (char size : sizes) bytes += std::string(3, '\0') + size;
  return bytes + elements;
}

fs::path file(const fs::path& path, const std::string& contents) {
  write_file_atomically(path, contents);
  return path;
}

std::string class_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "class " + std::to_string(i) + "\n";
  return lines;
}

std::string cifar_record(const std::string& labels) { return labels + std::string(3072, '\x11'); }

TEST(FashionMnist, ReadsTheDebianPackage) {
  const auto test = fashion_mnist(Split::kTest);
  EXPECT_EQ(test->size(), 10000);
  EXPECT_EQ(test->classes(), 10);
  const Sample sample = test->get(0);
  EXPECT_EQ(test->class_names()[static_cast<std::size_t>(sample.label)], "Ankle boot");
  EXPECT_EQ(sample.image.height, 28);
  EXPECT_EQ(sample.image.width, 28);
  EXPECT_EQ(sample.image.channels, 1);
  std::vector<int> per_class(10);
  for (std::int64_t i = 0; i < test->size(); ++i) ++per_class[static_cast<std::size_t>(test->get(i).label)];
  EXPECT_EQ(per_class, std::vector<int>(10, 1000));
  EXPECT_EQ(fashion_mnist(Split::kTrain)->size(), 60000);
}

TEST(FashionMnist, SaysWhereMissingFilesComeFrom) {
  const fs::path folder = empty_folder("no_fashion");
  EXPECT_EQ(error_text([&] { fashion_mnist(Split::kTrain, folder); }),
            "fashion_mnist: " + (folder / "train-images-idx3-ubyte.gz").string() +
                " is missing; the Debian package dataset-fashion-mnist provides it in "
                "/usr/share/datasets/fashion-mnist");
  file(folder / "t10k-images-idx3-ubyte.gz", "");
  EXPECT_EQ(error_text([&] { fashion_mnist(Split::kTest, folder); }),
            "fashion_mnist: " + (folder / "t10k-labels-idx1-ubyte.gz").string() +
                " is missing; the Debian package dataset-fashion-mnist provides it in "
                "/usr/share/datasets/fashion-mnist");
}

TEST(IdxDataset, PairsImagesWithLabels) {
  const fs::path folder = empty_folder("idx");
  const fs::path images = file(folder / "images", idx({2, 1, 2}, "abcd"));
  const fs::path labels = file(folder / "labels", idx({2}, std::string("\x04\x00", 2)));
  const auto dataset = idx_dataset(images, labels);
  EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"0", "1", "2", "3", "4"}));
  EXPECT_EQ(dataset->get(0).label, 4);
  EXPECT_EQ(dataset->get(1).image, (Image{.height = 1, .width = 2, .channels = 1, .pixels = {'c', 'd'}}));
}

TEST(IdxDataset, ReadsColourImagesOfRankFour) {
  const fs::path folder = empty_folder("idx_colour");
  const auto dataset = idx_dataset(file(folder / "images", idx({1, 1, 2, 3}, "abcdef")),
                                   file(folder / "labels", idx({1}, std::string(1, '\0'))), {"only"});
  EXPECT_EQ(dataset->get(0).image,
            (Image{.height = 1, .width = 2, .channels = 3, .pixels = {'a', 'b', 'c', 'd', 'e', 'f'}}));
}

TEST(IdxDataset, NamesTheFileThatDoesNotFit) {
  const fs::path folder = empty_folder("idx_bad");
  const fs::path images = file(folder / "images", idx({2, 1, 2}, "abcd"));
  const fs::path one = file(folder / "one", idx({1}, std::string(1, '\1')));
  const fs::path two = file(folder / "two", idx({2}, std::string("\1\2", 2)));
  const auto error = [](const fs::path& a, const fs::path& b, std::vector<std::string> names = {}) {
    return error_text([&] { idx_dataset(a, b, names); });
  };
  EXPECT_EQ(error(two, two), two.string() + ": images must be [N, H, W] or [N, H, W, C] ([2])");
  EXPECT_EQ(error(images, images), images.string() + ": labels must be [N] ([2, 1, 2])");
  EXPECT_EQ(error(images, one), one.string() + ": 1 labels for 2 images in " + images.string());
  EXPECT_EQ(error(images, two, {"a", "b"}),
            two.string() + ": label 2 of sample 1 has no name: there are 2 class names");
  EXPECT_EQ(idx_dataset(images, two)->sample_name(1), images.string() + ": sample 1");
}

TEST(Cifar10, JoinsTheFiveTrainingFiles) {
  const fs::path folder = empty_folder("cifar10");
  file(folder / "batches.meta.txt", class_lines(10) + "\n");
  for (int i = 1; i <= 5; ++i) {
    file(folder / ("data_batch_" + std::to_string(i) + ".bin"), cifar_record(std::string(1, static_cast<char>(i))));
  }
  file(folder / "test_batch.bin", cifar_record("\x09") + cifar_record("\x08"));
  const auto train = cifar10(Split::kTrain, folder);
  ASSERT_EQ(train->size(), 5);
  for (std::int64_t i = 0; i < 5; ++i) EXPECT_EQ(train->get(i).label, i + 1);
  EXPECT_EQ(train->class_names()[3], "class 3");
  EXPECT_EQ(cifar10(Split::kTest, folder)->size(), 2);
}

TEST(Cifar10, NamesMissingFilesAndWrongNames) {
  const fs::path folder = empty_folder("cifar10_bad");
  const auto error = [&] { return error_text([&] { cifar10(Split::kTrain, folder); }); };
  EXPECT_EQ(error(), (folder / "batches.meta.txt").string() + ": cannot open: No such file or directory");
  file(folder / "batches.meta.txt", class_lines(9));
  EXPECT_EQ(error(), (folder / "batches.meta.txt").string() + ": expected 10 class names, one per line, but found 9");
  file(folder / "batches.meta.txt", class_lines(10));
  EXPECT_EQ(error(), (folder / "data_batch_1.bin").string() + ": cannot open: No such file or directory");
}

TEST(Cifar100, ReadsFineAndCoarseLabels) {
  const fs::path folder = empty_folder("cifar100");
  file(folder / "fine_label_names.txt", class_lines(100));
  file(folder / "coarse_label_names.txt", class_lines(20));
  file(folder / "train.bin", cifar_record("\x12\x63"));
  file(folder / "test.bin", cifar_record("\x01\x02") + cifar_record("\x03\x04"));
  const auto fine = cifar100(Split::kTrain, Cifar100Labels::kFine, folder);
  EXPECT_EQ(fine->classes(), 100);
  EXPECT_EQ(fine->get(0).label, 99);
  const auto coarse = cifar100(Split::kTest, Cifar100Labels::kCoarse, folder);
  EXPECT_EQ(coarse->classes(), 20);
  EXPECT_EQ(coarse->size(), 2);
  EXPECT_EQ(coarse->get(1).label, 3);
}

}  // namespace
}  // namespace octet
