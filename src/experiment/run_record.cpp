// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run_record.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/utf8.h"
#include "octet/experiment/float_source.h"
#include "octet/experiment/system_info.h"
#include "octet/experiment/weights_hash.h"
#include "octet/nn/state.h"
#include "octet/quant/create_quant_retrain_model.h"

namespace octet::detail {
namespace {

constexpr int kIndent = 2;

std::string now_utc() {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

Document describe(const Dataset& dataset) {
  return Document::map({{"samples", dataset.size()}, {"sha256", dataset.content_hash()}});
}

Document describe(const QuantRetrainReport& report) {
  Document layers = Document::list(), warnings = Document::list();
  for (const QuantRetrainReport::Layer& layer : report.layers)
    layers.append(Document::map({{"name", layer.name},
                                 {"type", layer.type},
                                 {"quantized", layer.quantized},
                                 {"reason", layer.reason.empty() ? Document() : Document(layer.reason)}}));
  for (const std::string& warning : report.warnings) warnings.append(warning);
  return Document::map({{"layers", std::move(layers)}, {"warnings", std::move(warnings)}});
}

/// Files among the data that are no samples; of those that cannot be read all, with the reason.
Document describe_left_out(const Dataset& dataset) {
  Document groups = Document::list();
  for (const LeftOut& group : dataset.left_out()) {
    Document files = Document::list();
    for (const std::string& file : group.files) files.append(printable(file));
    groups.append(
        Document::map({{"reason", printable(group.reason)}, {"count", group.count}, {"files", std::move(files)}}));
  }
  return groups;
}

Document names_of_classes(const Dataset& dataset) {
  Document names = Document::list();
  for (const std::string& name : dataset.class_names()) names.append(name);
  return names;
}

Shape shape_of_input(const Experiment& experiment, const Dataset& dataset) {
  Rng rng(0);
  const Image image = apply_steps(experiment.test_transforms, dataset.get(0).image, rng);
  return {image.channels, image.height, image.width};
}

Document result_of(const Progress& progress, const std::string& weights_sha256) {
  Document result = Document::map({{"steps", progress.step}, {"epochs", progress.epoch}});
  if (!progress.epochs.empty()) {
    const EpochReport& last = progress.epochs.back();
    const auto best =
        std::max_element(progress.epochs.begin(), progress.epochs.end(),
                         [](const EpochReport& a, const EpochReport& b) { return a.test_accuracy < b.test_accuracy; });
    result.add("train_loss", last.train_loss);
    result.add("test_loss", last.test_loss);
    result.add("test_accuracy", last.test_accuracy);
    result.add("best_test_accuracy", best->test_accuracy);
  }
  if (!weights_sha256.empty()) result.add("weights_sha256", weights_sha256);
  return result;
}

Document durations_of(const Progress& progress) {
  double train = progress.seconds, test = 0.0;
  for (const EpochReport& epoch : progress.epochs) {
    train += epoch.train_seconds;
    test += epoch.test_seconds;
  }
  return Document::map({{"train_seconds", train}, {"test_seconds", test}});
}

MachineUse this_machine(std::int64_t from_step) {
  const SystemInfo info = system_info();
  return {.from_step = from_step, .onednn = info.onednn_version, .isa = info.isa};
}

}  // namespace

RunRecord::RunRecord(const Experiment& experiment, const Datasets& data, const TrainOptions& options)
    : experiment_(experiment),
      options_(options),
      experiment_document_(to_document(with_absolute_paths(experiment))),
      data_(Document::map({{"train", describe(*data.train)}, {"test", describe(*data.test)}})),
      left_out_(Document::map({{"train", describe_left_out(*data.train)}, {"test", describe_left_out(*data.test)}})),
      class_names_(names_of_classes(*data.train)),
      input_shape_(shape_of_input(experiment, *data.test)),
      started_(now_utc()) {
  if (options.resume) {
    find_checkpoint();
    network_ = network_of_make(experiment, input_shape_, checkpoint_->quant_config, directory_.checkpoint().string());
  } else {
    network_ = first_network(experiment, input_shape_);
    if (experiment.quantization) warnings_ = compare_with_float_run(data);
  }
}

std::vector<std::string> RunRecord::compare_with_float_run(const Datasets& data) const {
  const std::string& weights = experiment_.quantization->weights;
  const auto hash = [&](const char* split) { return data_.at(split).at("sha256").as_string(); };
  return float_differences({.experiment = experiment_,
                            .class_names = data.train->class_names(),
                            .input_shape = input_shape_,
                            .train_sha256 = hash("train"),
                            .test_sha256 = hash("test")},
                           sight_of_weights(weights), weights);
}

void RunRecord::find_checkpoint() {
  directory_ = find_run_directory(experiment_, options_.run_directory);
  const Document manifest =
      parse_json(read_file(directory_.manifest(), DocumentLimits().max_bytes), directory_.manifest().string());
  require(manifest.at("status").as_string() != "complete", directory_.root.string(),
          ": the run is complete; there is nothing to resume");
  if (const Document* const warnings = manifest.find("warnings"))
    for (const Document& warning : warnings->items()) warnings_.push_back(warning.as_string());
  const std::filesystem::path path = directory_.checkpoint();
  checkpoint_ = read_checkpoint_header(path);
  require_same_run(path, *checkpoint_, experiment_document_, data_);
  const MachineUse& then = checkpoint_->progress.machines.back();
  if (!options_.allow_other_machine) require_same_machine(path, then, this_machine(checkpoint_->progress.step));
}

Progress RunRecord::begin(Optimizer& optimizer) {
  const Progress progress = checkpoint_ ? resume(optimizer) : begin_new();
  write_manifest("running", progress);
  return progress;
}

Progress RunRecord::begin_new() {
  directory_ = create_run_directory(experiment_, options_.run_directory);
  write_file_atomically(directory_.experiment(), to_json(experiment_document_, kIndent) + '\n');
  if (!network_.quant_config.empty()) write_file_atomically(directory_.quant_config(), network_.quant_config);
  log_.emplace(directory_.log(), 0);
  return {.machines = {this_machine(0)}};
}

Progress RunRecord::resume(Optimizer& optimizer) {
  load_checkpoint_state(directory_.checkpoint(), *network_.module, optimizer);
  Progress progress = checkpoint_->progress;
  log_.emplace(directory_.log(), progress.log_bytes);
  progress.resumed_at.push_back(progress.step);
  const MachineUse now = this_machine(progress.step);
  if (!same_machine(progress.machines.back(), now)) progress.machines.push_back(now);
  return progress;
}

void RunRecord::log_step(const StepReport& step, double images_per_second) {
  log_->append(Document::map({{"event", "step"},
                              {"epoch", step.epoch},
                              {"step", step.step},
                              {"lr", step.lr},
                              {"loss", step.loss},
                              {"images_per_second", images_per_second}}));
}

void RunRecord::log_epoch(const EpochReport& epoch) {
  const Document row = to_document(epoch);
  Document line = Document::map({{"event", "epoch"}});
  for (const Document::Member& member : row.members()) line.add(member.key, member.value);
  log_->append(line);
}

void RunRecord::save_checkpoint(Progress& progress, Optimizer& optimizer) {
  progress.log_bytes = log_->bytes();
  detail::save_checkpoint(
      directory_.checkpoint(),
      {.experiment = experiment_document_, .data = data_, .progress = progress, .quant_config = network_.quant_config},
      *network_.module, optimizer);
}

RunResult RunRecord::stop(Progress& progress, Optimizer& optimizer) {
  save_checkpoint(progress, optimizer);
  write_manifest("stopped", progress);
  return {.directory = directory_.root,
          .complete = false,
          .steps = progress.step,
          .epochs = progress.epochs,
          .weights_sha256 = weights_hash(*network_.module)};
}

RunResult RunRecord::complete(const Progress& progress) {
  Document input_shape = Document::list();
  for (const std::int64_t size : input_shape_) input_shape.append(size);
  Metadata metadata = {{"experiment", to_json(experiment_document_)},
                       {"class_names", to_json(class_names_)},
                       {"input_shape", to_json(input_shape)}};
  if (!network_.quant_config.empty()) {
    metadata["quant_config"] = network_.quant_config;
    write_record_file(directory_.record(), quant_record(*network_.module, network_.force_fp16_quant));
  }
  save_weights(*network_.module, directory_.weights(), metadata);
  const std::string hash = weights_hash(*network_.module);
  write_manifest("complete", progress, hash);
  return {.directory = directory_.root,
          .complete = true,
          .steps = progress.step,
          .epochs = progress.epochs,
          .weights_sha256 = hash};
}

void RunRecord::write_manifest(const char* status, const Progress& progress, const std::string& weights_sha256) {
  Document data = data_, resumed_at = Document::list();
  data.add("class_names", class_names_);
  data.add("left_out", left_out_);
  for (std::int64_t step : progress.resumed_at) resumed_at.append(step);
  Document manifest = Document::map({{"format", "octet manifest 1"},
                                     {"status", status},
                                     {"started", started_},
                                     {"written", now_utc()},
                                     {"resumed_at_steps", std::move(resumed_at)},
                                     {"machines", to_document(progress.machines)},
                                     {"experiment", experiment_document_},
                                     {"seeds", Document::map({{"experiment", experiment_.seed}})},
                                     {"data", std::move(data)},
                                     {"environment", to_document(system_info())},
                                     {"durations", durations_of(progress)},
                                     {"result", result_of(progress, weights_sha256)}});
  if (!network_.report.layers.empty()) manifest.add("quantization", describe(network_.report));
  if (!warnings_.empty()) {
    Document& warnings = manifest.add("warnings", Document::list());
    for (const std::string& warning : warnings_) warnings.append(warning);
  }
  write_file_atomically(directory_.manifest(), to_json(manifest, kIndent) + '\n');
}

}  // namespace octet::detail
