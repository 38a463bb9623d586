// SPDX-License-Identifier: Apache-2.0
// octet run, octet bench, and octet eval of ONNX files: what a deployed network is asked.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "columns.h"
#include "commands.h"
#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/base/rng.h"
#include "octet/base/utf8.h"
#include "octet/config/document.h"
#include "octet/data/image_file.h"
#include "octet/experiment/file/evaluation_experiment.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/report/run_times.h"
#include "octet/experiment/run/deployed_model.h"
#include "octet/experiment/run/peak_memory.h"
#include "octet/kernels/core/parallel.h"
#include "print_model.h"

namespace {

constexpr std::size_t kNumbers = 24;        // columns of a table's numbers, and of what lies between its columns
constexpr std::size_t kSmallestTable = 60;  // below that it wraps
constexpr std::uint64_t kMaxNamesBytes = std::uint64_t{1} << 24;

std::vector<float> random_values(std::int64_t count) {
  octet::Rng rng(1);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = 2.0F * rng.uniform() - 1.0F;
  return values;
}

// A file may be small and its images large, and a batch has many of them.
void require_memory(std::int64_t bytes, const BenchCommand& command) {
  const std::int64_t machine = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  octet::require(bytes <= machine, "bench: ", command.model.string(), " takes ", bytes, " bytes for a batch of ",
                 command.batch, ", this machine has ", machine);
}

using Layers = std::vector<octet::deploy::LayerTime>;

void print_json(const BenchCommand& command, double milliseconds, const Layers& layers) {
  octet::Document list = octet::Document::list({});
  for (const octet::deploy::LayerTime& layer : layers)
    list.append(octet::Document::map({{"name", layer.name},
                                      {"operation", layer.operation},
                                      {"implementation", layer.implementation},
                                      {"milliseconds", layer.milliseconds},
                                      {"giga_operations", layer.giga_operations}}));
  fmt::print("{}\n", octet::to_json(octet::Document::map(
                         {{octet::kFormatKey, octet::to_text(octet::kBenchFormat)},
                          {"batch", command.batch},
                          {"threads", octet::kernels::num_threads()},
                          {"milliseconds", milliseconds},
                          {"inputs_per_second", 1e3 * static_cast<double>(command.batch) / milliseconds},
                          {"peak_bytes", octet::peak_resident_bytes()},
                          {"layers", std::move(list)}})));
}

using Widths = std::array<std::size_t, 3>;  // layer, operation, implementation

/// What the columns may take of `columns` together: the last ones give way first, as names tell layers apart.
Widths fitted(Widths widths, std::size_t columns) {
  constexpr Widths kFewest = {12, 14, 10};
  for (std::size_t i = widths.size(); i-- > 0;)
    while (widths[0] + widths[1] + widths[2] > columns && widths[i] > kFewest[i]) --widths[i];
  return widths;
}

void print_table(const BenchCommand& command, double milliseconds, const Layers& layers) {
  using Row = std::array<std::string, 3>;
  const std::size_t columns = std::max<std::size_t>(window_columns(), kSmallestTable);
  std::vector<Row> rows = {{"layer", "operation", "implementation"}};
  for (const octet::deploy::LayerTime& layer : layers)
    rows.push_back({octet::printable(layer.name), layer.operation, layer.implementation});
  Widths widths{};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  widths = fitted(widths, columns - kNumbers);

  const auto print = [&](const Row& row, const std::string& time, const std::string& speed) {
    for (std::size_t i = 0; i < row.size(); ++i) fmt::print("{:<{}}  ", shortened(row[i], widths[i]), widths[i]);
    fmt::print("{:>9}  {:>7}\n", time, speed);
  };
  double sum = 0.0, operations = 0.0;
  print(rows[0], "ms", "GOP/s");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const octet::deploy::LayerTime& layer = layers[i];
    sum += layer.milliseconds;
    operations += layer.giga_operations;
    print(rows[i + 1], number(layer.milliseconds, 9, 4),
          layer.giga_operations > 0.0 ? number(layer.giga_operations / layer.milliseconds * 1e3, 7, 1) : "");
  }
  fmt::print("\nbatch {}, {}: {:.3f} ms, {:.1f} inputs/s, {:.1f} GOP/s\n(layers one by one: {:.3f} ms)\n",
             command.batch, octet::counted(octet::kernels::num_threads(), "thread"), milliseconds,
             1e3 * static_cast<double>(command.batch) / milliseconds, operations / milliseconds * 1e3, sum);
}

/// A run's directory is a natural thing to name; what is asked for is one of the files in it.
void require_file(const std::filesystem::path& model) {
  octet::require(!std::filesystem::is_directory(model), model.string(),
                 ": is a directory, not an ONNX model; octet deploy leaves that of a run in ",
                 octet::RunDirectory{model}.deployed().string());
}

/// One name a line; empty lines at the end do not count.
std::vector<std::string> read_class_names(const std::filesystem::path& path) {
  std::istringstream lines(octet::read_file(path, kMaxNamesBytes));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    names.push_back(line);
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  octet::require(!names.empty(), path.string(), ": there are no names of classes");
  return names;
}

octet::ImageInput input_of(const RunCommand& command) {
  octet::ImageInput input{.shorter_side = command.size};
  if (!command.mean.empty() || !command.stddev.empty()) {
    octet::Normalize normalize;
    if (!command.mean.empty()) normalize.mean = command.mean;
    if (!command.stddev.empty()) normalize.stddev = command.stddev;
    if (normalize.mean.size() == 1) normalize.mean.resize(normalize.stddev.size(), normalize.mean[0]);
    if (normalize.stddev.size() == 1) normalize.stddev.resize(normalize.mean.size(), normalize.stddev[0]);
    input.normalize = normalize;
  }
  if (!command.classes.empty()) input.class_names = read_class_names(command.classes);
  return input;
}

octet::DeployedModel load(const RunCommand& command) {
  require_file(command.model);
  if (command.experiment.empty()) return octet::load_deployed_model(command.model, input_of(command));
  return octet::load_deployed_model(command.model, octet::read_experiment(command.experiment));
}

octet::DeployedModel load(const EvalCommand& command) {
  if (!command.experiment.empty())
    return octet::load_deployed_model(command.model, octet::read_experiment(command.experiment, command.overrides));
  octet::DeployedModel model = octet::load_deployed_model(command.model);
  model.experiment = octet::evaluation_experiment(*model.experiment, command.model, {.overrides = command.overrides});
  model.transforms = model.experiment->test_transforms;
  return model;
}

}  // namespace

int evaluate_onnx(const EvalCommand& command) {
  print_evaluation(octet::evaluate(load(command)));
  return kSuccess;
}

int run(const RunCommand& command) {
  const octet::DeployedModel model = load(command);
  const octet::Shape input = model.model.input_shape();
  const std::int64_t channels = input.size() == 4 ? input[1] : 0;
  octet::require(channels == 1 || channels == 3, "run: image files have 1 or 3 channels, the network takes ", input);
  for (const std::filesystem::path& path : command.images)
    print_predictions(path, octet::predict(model, octet::read_image(path, channels)), command.top);
  return kSuccess;
}

int run(const BenchCommand& command) {
  require_file(command.model);
  const octet::deploy::Model model = octet::deploy::Model::load(command.model);
  require_memory(model.run_bytes(command.batch), command);
  octet::Shape shape = model.input_shape();
  shape[0] = command.batch;
  const std::vector<float> input = random_values(octet::element_count(shape));
  model.run(input, command.batch);  // the first run, which plans
  const double milliseconds = octet::median_milliseconds(model, input, command.batch, command.repetitions);
  const Layers layers = model.profile(input, command.batch, command.repetitions);
  if (command.json)
    print_json(command, milliseconds, layers);
  else
    print_table(command, milliseconds, layers);
  return kSuccess;
}
