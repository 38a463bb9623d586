// SPDX-License-Identifier: Apache-2.0
// Reading the binary files of CIFAR-10 and CIFAR-100.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "octet/data/labelled_images.h"

namespace octet {

/// Which records a file holds and which of their labels is wanted. A CIFAR-10 record is a label and 3072 pixel bytes, a
/// CIFAR-100 record a coarse label (20 classes), a fine label (100 classes) and 3072 pixel bytes.
enum class CifarKind { kCifar10, kCifar100Coarse, kCifar100Fine };

/// Parses a file that lies in memory into 32x32 colour images. `source` names the file in errors.
/// Throws Error with the byte offset if it is not a whole number of records, is empty, or a label is out of range.
LabelledImages parse_cifar(std::string_view bytes, CifarKind kind, const std::string& source);

/// Reads a file of at most 1 GiB.
LabelledImages read_cifar(const std::filesystem::path& path, CifarKind kind);

}  // namespace octet
