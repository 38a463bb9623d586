// SPDX-License-Identifier: Apache-2.0
#include "octet/data/known_datasets.h"

#include <algorithm>
#include <span>
#include <sstream>

#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/utf8.h"
#include "octet/data/cifar.h"
#include "octet/data/idx.h"

namespace octet {
namespace {

constexpr std::uint64_t kMaxNameFileBytes = std::uint64_t{1} << 16;

// The images as [N, H, W, C] with their labels; errors name the file at fault.
LabelledImages pair_images_with_labels(IdxArray images, const IdxArray& labels, const std::string& images_source,
                                       const std::string& labels_source) {
  const std::size_t rank = images.shape.size();
  require(rank == 3 || rank == 4, images_source, ": images must be [N, H, W] or [N, H, W, C] (", images.shape, ")");
  require(labels.shape.size() == 1, labels_source, ": labels must be [N] (", labels.shape, ")");
  require(images.shape[0] == labels.shape[0], labels_source, ": ", labels.shape[0], " labels for ", images.shape[0],
          " images in ", images_source);
  return {.height = images.shape[1],
          .width = images.shape[2],
          .channels = rank == 4 ? images.shape[3] : 1,
          .pixels = std::move(images.values),
          .labels = {labels.values.begin(), labels.values.end()},
          .files = {{.path = images_source}}};
}

std::vector<std::string> read_class_names(const std::filesystem::path& path, std::size_t count) {
  std::istringstream lines(read_file(path, kMaxNameFileBytes));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  require(names.size() == count, path.string(), ": expected ", count, " class names, one per line, but found ",
          names.size());
  return names;
}

void require_named(const std::vector<std::int64_t>& labels, std::size_t names, const std::string& labels_source) {
  const auto found =
      std::ranges::find_if(labels, [&](std::int64_t l) { return l >= static_cast<std::int64_t>(names); });
  if (found == labels.end()) return;
  fail(labels_source, ": label ", *found, " of sample ", found - labels.begin(), " has no name: there are ",
       counted(static_cast<std::int64_t>(names), "class name"));
}

std::shared_ptr<const Dataset> cifar(const std::vector<std::filesystem::path>& files, CifarKind kind,
                                     std::vector<std::string> class_names) {
  LabelledImages all = read_cifar(files.front(), kind);
  all.files = {{.path = files.front().string()}};
  for (const std::filesystem::path& file : std::span(files).subspan(1)) {
    const LabelledImages part = read_cifar(file, kind);
    all.files.push_back({.path = file.string(), .first = static_cast<std::int64_t>(all.labels.size())});
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
    all.pixels.insert(all.pixels.end(), part.pixels.begin(), part.pixels.end());
  }
  return std::make_shared<InMemoryDataset>(std::move(all), std::move(class_names));
}

}  // namespace

std::shared_ptr<const Dataset> idx_dataset(const std::filesystem::path& images, const std::filesystem::path& labels,
                                           std::vector<std::string> class_names) {
  LabelledImages pairs = pair_images_with_labels(read_idx(images), read_idx(labels), images.string(), labels.string());
  if (class_names.empty()) class_names = numbered_classes(std::ranges::max(pairs.labels) + 1);
  require_named(pairs.labels, class_names.size(), labels.string());
  return std::make_shared<InMemoryDataset>(std::move(pairs), std::move(class_names));
}

std::shared_ptr<const Dataset> fashion_mnist(Split split, const std::filesystem::path& directory) {
  const std::string prefix = split == Split::kTrain ? "train" : "t10k";
  const std::filesystem::path images = directory / (prefix + "-images-idx3-ubyte.gz");
  const std::filesystem::path labels = directory / (prefix + "-labels-idx1-ubyte.gz");
  for (const std::filesystem::path& file : {images, labels}) {
    std::error_code ignored;  // a file that cannot be looked at is reported as missing, too
    require(std::filesystem::exists(file, ignored), "fashion_mnist: ", printable(file.string()),
            " is missing; the Debian package dataset-fashion-mnist provides it in ", kFashionMnistDirectory);
  }
  return idx_dataset(
      images, labels,
      {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"});
}

std::shared_ptr<const Dataset> cifar10(Split split, const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files = {directory / "test_batch.bin"};
  if (split == Split::kTrain) {
    files.clear();
    for (int i = 1; i <= 5; ++i) files.push_back(directory / text("data_batch_", i, ".bin"));
  }
  return cifar(files, CifarKind::kCifar10, read_class_names(directory / "batches.meta.txt", 10));
}

std::shared_ptr<const Dataset> cifar100(Split split, Cifar100Labels labels, const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / (split == Split::kTrain ? "train.bin" : "test.bin");
  if (labels == Cifar100Labels::kFine)
    return cifar({file}, CifarKind::kCifar100Fine, read_class_names(directory / "fine_label_names.txt", 100));
  return cifar({file}, CifarKind::kCifar100Coarse, read_class_names(directory / "coarse_label_names.txt", 20));
}

}  // namespace octet
