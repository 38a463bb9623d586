// SPDX-License-Identifier: Apache-2.0
// A training run that takes a fraction of a second, as YAML and as Experiment.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "octet/experiment/file/experiment.h"
#include "octet/nn/models.h"

namespace octet::test {

/// Three epochs of four steps, the last batch not full.
inline const std::string kTinyYaml = R"(name: tiny
data: {kind: synthetic, train_samples: 28, test_samples: 12, size: 8, channels: 1, classes: 3}
model: {name: resnet8}
epochs: 3
batch_size: 8
optimizer: {name: sgd, lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 1.0e-3}
schedule: {name: cosine, warmup_epochs: 1}
log_every: 2
workers: 1
train_transforms:
  - {name: random_crop, size: 8, padding: 1}
  - {name: normalize, mean: 0.5, std: 0.25}
test_transforms:
  - {name: normalize, mean: 0.5, std: 0.25}
)";

inline Experiment tiny_experiment(const std::vector<Override>& overrides = {}) {
  Document document = parse_yaml(kTinyYaml, "tiny.yaml");
  for (const Override& change : overrides) document.set(change.key, change.value);
  return parse_experiment(document, model_names());
}

/// Its retraining in 8 bits, from these weights.
inline Experiment tiny_retraining(const std::filesystem::path& weights, const std::vector<Override>& overrides = {}) {
  std::vector<Override> all = {{"name", "tiny_qat"},
                               {"quantization", "{shortcuts: true}"},
                               {"quantization.weights", weights.string()},
                               {"epochs", "2"},
                               {"optimizer.lr", "0.01"},
                               {"schedule", "{name: cosine}"}};
  all.insert(all.end(), overrides.begin(), overrides.end());
  return tiny_experiment(all);
}

/// A path of this test's own, where nothing is yet.
inline std::filesystem::path fresh_path(const std::string& name = "run") {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / (std::string(test.test_suite_name()) + "." + test.name()) / name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path.parent_path());
  return path;
}

}  // namespace octet::test
