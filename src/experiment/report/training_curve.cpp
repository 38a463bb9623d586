// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/training_curve.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/config/document.h"

namespace octet {
namespace {

// Of a day's run with a line per step.
constexpr std::uint64_t kMaxBytes = 256 << 20;

}  // namespace

TrainingCurve read_training_curve(const std::filesystem::path& log) {
  TrainingCurve curve;
  const std::string contents = read_file(log, kMaxBytes);
  std::string_view rest = contents;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const Document line = parse_json(rest.substr(0, end), text(log.string(), " (line ", number, ")"));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::string& event = line.at("event").as_string();
    if (event == "log") {
      require_readable(kLogFormat, line.at(kFormatKey).as_string(), log.string());
      continue;
    }
    const std::int64_t step = line.at("step").as_integer();
    if (event == "step") curve.loss.push_back({step, line.at("loss").as_real_or_not_finite()});
    if (event == "epoch") curve.test_accuracy.push_back({step, line.at("test_accuracy").as_real_or_not_finite()});
    curve.steps = std::max(curve.steps, step);
  }
  return curve;
}

}  // namespace octet
