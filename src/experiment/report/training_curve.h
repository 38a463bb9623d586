// SPDX-License-Identifier: Apache-2.0
// How a run's training went, read back from its log.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace octet {

struct TrainingCurve {
  struct Point {
    std::int64_t step;
    double value;
  };
  std::vector<Point> loss;           ///< of single training steps
  std::vector<Point> test_accuracy;  ///< after each epoch
  std::int64_t steps = 0;
};

/// Throws Error (file, line, key, rule) for a log that no run wrote.
TrainingCurve read_training_curve(const std::filesystem::path& log);

}  // namespace octet
