// SPDX-License-Identifier: Apache-2.0
// parse_experiment on arbitrary bytes as YAML; what it accepts has to survive being written and read again.
#include "octet/experiment/file/experiment.h"
#include "fuzz_target.h"

void octet::fuzz(std::string_view bytes) {
  const std::vector<std::string> models = {"resnet20", "resnet18"};
  const std::string once = to_json(to_document(parse_experiment(parse_yaml(bytes, "fuzz"), models)));
  try {
    const std::string twice = to_json(to_document(parse_experiment(parse_json(once, "written"), models)));
    if (once != twice) std::abort();
  } catch (const Error&) {
    std::abort();
  }
}
