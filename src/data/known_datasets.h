// SPDX-License-Identifier: Apache-2.0
// The datasets that Octet knows by name, and pairs of IDX files of your own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "octet/data/dataset.h"

namespace octet {

enum class Split { kTrain, kTest };

/// Where Debian's package dataset-fashion-mnist puts its files.
inline constexpr const char* kFashionMnistDirectory = "/usr/share/datasets/fashion-mnist";

/// Fashion-MNIST: 28x28 grey, 10 classes, 60000 training and 10000 test images. Reads the four IDX files under their
/// original names, train-images-idx3-ubyte.gz and so on. Throws Error if they are missing or damaged.
std::shared_ptr<const Dataset> fashion_mnist(Split split,
                                             const std::filesystem::path& directory = kFashionMnistDirectory);

/// CIFAR-10: 32x32 colour, 10 classes. `directory` is the unpacked cifar-10-batches-bin (data_batch_1.bin ... ,
/// test_batch.bin, batches.meta.txt).
std::shared_ptr<const Dataset> cifar10(Split split, const std::filesystem::path& directory);

/// CIFAR-100 in its 100 fine or its 20 coarse classes.
enum class Cifar100Labels { kFine, kCoarse };

/// CIFAR-100: 32x32 colour. `directory` is the unpacked cifar-100-binary (train.bin, test.bin, *_label_names.txt).
std::shared_ptr<const Dataset> cifar100(Split split, Cifar100Labels labels, const std::filesystem::path& directory);

/// A pair of IDX files, plain or .gz: images [N, H, W] (grey) or [N, H, W, C] and labels [N].
/// Empty `class_names`: the labels are numbered up to the largest that occurs.
std::shared_ptr<const Dataset> idx_dataset(const std::filesystem::path& images, const std::filesystem::path& labels,
                                           std::vector<std::string> class_names = {});

}  // namespace octet
