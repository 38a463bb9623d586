// SPDX-License-Identifier: Apache-2.0
// A made-up dataset for tests, samples and benchmarks that need no files.
#pragma once

#include <cstdint>
#include <memory>

#include "octet/data/dataset.h"

namespace octet {

struct SyntheticOptions {
  std::int64_t count;
  std::int64_t height = 32, width = 32, channels = 3;
  std::int64_t classes = 10;
  std::uint64_t seed = 0;
  /// The dataset is the samples [first, first + count) of an endless sequence: a test set of the same classes starts
  /// where the training set ends.
  std::int64_t first = 0;
};

/// Every class has a random pattern of coarse blocks; a sample is the pattern of class (index % classes) under strong
/// noise. A small network learns it in a few steps. Computed in integers: the same bytes on every machine.
/// Throws Error for sizes that are not positive.
std::shared_ptr<const Dataset> synthetic_dataset(const SyntheticOptions& options);

}  // namespace octet
