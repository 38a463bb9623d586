// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/run_record.h"

#include <fstream>
#include <system_error>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/base/utf8.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/experiment/run/finite.h"
#include "octet/experiment/run/float_source.h"
#include "octet/experiment/run/run_weights.h"
#include "octet/experiment/run/system_info.h"
#include "octet/experiment/run/weights_hash.h"
#include "octet/nn/state.h"

namespace octet::detail {
namespace {

constexpr int kIndent = 2;

Document describe(const Dataset& dataset) {
  return Document::map({{"samples", dataset.size()}, {"sha256", dataset.content_hash()}});
}

Document describe(const Network& network) {
  const QuantRetrainReport& report = network.report;
  Document layers = Document::list(), warnings = Document::list();
  for (const QuantRetrainReport::Layer& layer : report.layers)
    layers.append(Document::map({{"name", layer.name},
                                 {"type", layer.type},
                                 {"quantized", layer.quantized},
                                 {"reason", layer.reason.empty() ? Document() : Document(layer.reason)}}));
  for (const std::string& warning : report.warnings) warnings.append(warning);
  return Document::map({{"float_weights_sha256", network.float_weights_sha256},
                        {"layers", std::move(layers)},
                        {"warnings", std::move(warnings)}});
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
  if (const std::optional<EpochReport>& last = progress.ended.last) {
    result.add("train_loss", last->train_loss);
    result.add("test_loss", last->test_loss);
    result.add("test_accuracy", last->test_accuracy);
    result.add("best_test_accuracy", progress.ended.best_test_accuracy);
  }
  if (!weights_sha256.empty()) result.add("weights_sha256", weights_sha256);
  return result;
}

Document durations_of(const Progress& progress) {
  return Document::map({{"train_seconds", progress.ended.train_seconds + progress.seconds},
                        {"test_seconds", progress.ended.test_seconds}});
}

MachineUse this_machine(std::int64_t from_step) {
  const SystemInfo info = system_info();
  return {.from_step = from_step, .onednn = info.onednn_version, .isa = info.isa};
}

/// What a log says of its format. One whose first line is damaged is taken to be of ours, as its run goes on.
std::string format_in(const std::string& line) {
  try {
    return parse_json(line, "").at(kFormatKey).as_string();
  } catch (const Error&) {
    return to_text(kLogFormat);
  }
}

/// Removes what a run left half made that was killed while it wrote a checkpoint.
void sweep(const RunDirectory& directory) {
  remove_stale_temporaries(directory.root);
  std::error_code ignored;
  std::filesystem::remove(directory.unfinished_checkpoint(), ignored);
}

}  // namespace

RunRecord::RunRecord(const Experiment& experiment, const Datasets& data, const TrainOptions& options)
    : experiment_(experiment),
      options_(options),
      experiment_document_(to_document(with_absolute_paths(experiment))),
      data_(Document::map({{"train", describe(*data.train)}, {"test", describe(*data.test)}})),
      left_out_(Document::map({{"train", describe_left_out(*data.train)}, {"test", describe_left_out(*data.test)}})),
      class_names_(names_of_classes(*data.train)),
      input_shape_(shape_of_input(experiment, *data.test)) {
  if (options.resume) find_run();
  if (!checkpoint_) {
    network_ = first_network(experiment, input_shape_);
    if (experiment.quantization) warnings_ = compare_with_float_run(data);
    const Document* const quantization = manifest_ ? manifest_->find("quantization") : nullptr;
    const Document* const then = quantization ? quantization->find("float_weights_sha256") : nullptr;
    if (then)
      require_same_float_weights(network_.float_weights_sha256, then->as_string(), experiment.quantization->weights);
    return;
  }
  const CheckpointHeader& header = checkpoint_->header;
  if (experiment.quantization) check_float_weights(header.float_weights_sha256);
  network_ = network_of_make(experiment, input_shape_, header.quant_config, checkpoint_->path.string());
  network_.float_weights_sha256 = header.float_weights_sha256;
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

void RunRecord::find_run() {
  directory_ = find_run_directory(experiment_, options_.run_directory);
  lock_.emplace(directory_.root);
  if (std::filesystem::exists(directory_.manifest())) manifest_ = read_manifest(directory_);
  require(!manifest_ || manifest_->at("status").as_string() != "complete", directory_.root.string(),
          ": the run is complete; there is nothing to resume");
  std::optional<FoundCheckpoint> found = find_checkpoint(directory_);
  if (!found) {  // it ended before its first checkpoint, and starts again
    require_same(directory_.manifest(), "experiment", manifest_->at("experiment"), experiment_document_);
    for (const char* const split : {"train", "test"})
      require_same(directory_.manifest(), "data", manifest_->at("data").at(split), data_.at(split));
    return;
  }
  if (!found->newest_damaged.empty()) {
    newest_ = OldCheckpoint::kReplace;
    warnings_.push_back(text(found->newest_damaged, "; the run goes on from the checkpoint before, ",
                             found->checkpoint.path.filename().string(), ", of step ",
                             found->checkpoint.header.progress.step));
  }
  if (const Document* const warnings = manifest_ ? manifest_->find("warnings") : nullptr)
    for (const Document& warning : warnings->items()) warnings_.push_back(warning.as_string());
  checkpoint_ = std::move(found->checkpoint);
  const CheckpointHeader& header = checkpoint_->header;
  require_same_numerics(*checkpoint_, experiment_.quantization ? "retrain" : "train");
  require_same(checkpoint_->path, "experiment", header.experiment, experiment_document_);
  require_same(checkpoint_->path, "data", header.data, data_);
  if (!options_.allow_other_machine)
    require_same_machine(checkpoint_->path, header.progress.machines.back(), this_machine(header.progress.step));
}

/// A resumed run reads no float network, but its report does.
void RunRecord::check_float_weights(const std::string& sha256) const {
  const std::filesystem::path path = experiment_.quantization->weights;
  const bool there = std::filesystem::exists(std::filesystem::is_directory(path) ? RunDirectory{path}.weights() : path);
  if (!sha256.empty() && there) require_same_float_weights(weights_hash(*float_network(experiment_)), sha256, path);
}

Progress RunRecord::begin(Optimizer& optimizer) {
  const Progress progress = checkpoint_ ? resume(optimizer) : begin_new();
  write_manifest(progress, {"running"});
  return progress;
}

Progress RunRecord::begin_new() {
  Progress progress{.machines = {this_machine(0)}, .started = now_utc()};
  if (manifest_) {
    progress.started = manifest_->at("started").as_string();
    progress.resumed_at.push_back(0);
  } else {
    directory_ = create_run_directory(experiment_, options_.run_directory);
    lock_.emplace(directory_.root);
    // Asked after the lock is had: a run that goes on is called so, and none may have ended here meanwhile.
    require(!holds_work(directory_), directory_.root.string(),
            ": holds a run already; resume it, or choose another directory");
    if (std::filesystem::exists(directory_.manifest())) require_own(read_manifest(directory_));
  }
  sweep(directory_);
  write_file_atomically(directory_.experiment(), to_json(experiment_document_, kIndent) + '\n');
  if (!network_.quant_config.empty()) write_file_atomically(directory_.quant_config(), network_.quant_config);
  log_.emplace(directory_.log(), 0);
  log_->append(Document::map({{"event", "log"}, {kFormatKey, to_text(kLogFormat)}}));
  return progress;
}

/// A run that ended before its first checkpoint left nothing to go on from: the same run may start again in its
/// place.
void RunRecord::require_own(const Document& manifest) const {
  std::string list;
  for (const std::string& line : differences(manifest.at("experiment"), experiment_document_))
    list += (list.empty() ? "" : "; ") + line;
  require(
      list.empty(), directory_.root.string(),
      ": holds a run of another experiment, which has no checkpoint yet; choose another directory (there and here: ",
      list, ")");
}

Progress RunRecord::resume(Optimizer& optimizer) {
  sweep(directory_);
  load_checkpoint_state(*checkpoint_, *network_.module, optimizer);
  Progress progress = std::move(checkpoint_->header.progress);
  checkpoint_.reset();
  saved_ = {progress.step, progress.epoch};
  log_.emplace(directory_.log(), progress.log_bytes);
  read_epochs(progress);
  progress.resumed_at.push_back(progress.step);
  const MachineUse now = this_machine(progress.step);
  if (!same_machine(progress.machines.back(), now)) progress.machines.push_back(now);
  return progress;
}

/// The rows of the epochs so far, from the log. The run needs none of them.
void RunRecord::read_epochs(const Progress& progress) {
  std::ifstream file(directory_.log());
  for (std::string line; std::getline(file, line);) {
    if (line.find(R"("event": "log")") != std::string::npos)
      require_readable(kLogFormat, format_in(line), directory_.log().string());
    if (line.find(R"("event": "epoch")") == std::string::npos) continue;
    try {
      const Document entry = parse_json(line, directory_.log().string());
      Document row = Document::map();
      for (const Document::Member& member : entry.members())
        if (member.key != "event") row.add(member.key, member.value);
      epochs_.push_back(parse_epoch(row));
    } catch (const Error&) {
      // Counted below.
    }
  }
  if (log_->bytes() < progress.log_bytes)
    warnings_.push_back(text(directory_.log().string(), ": has lost its end: ", log_->bytes(), " bytes are left of ",
                             progress.log_bytes, " at the checkpoint; the run goes on"));
  else if (std::ssize(epochs_) != progress.epoch)
    warnings_.push_back(text(directory_.log().string(), ": ", std::ssize(epochs_), " rows can be read of ",
                             progress.epoch, " epochs; the run goes on"));
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
  epochs_.push_back(epoch);
}

void RunRecord::save_checkpoint(Progress& progress, Optimizer& optimizer) {
  const std::pair now{progress.step, progress.epoch};
  if (saved_ == now) return;
  require_finite_weights(*network_.module, text("train: after step ", progress.step));
  log_->sync();
  progress.log_bytes = log_->bytes();
  replace_checkpoint(directory_, newest_,
                     {.experiment = experiment_document_,
                      .data = data_,
                      .progress = progress,
                      .octet_version = system_info().octet_version,
                      .quant_config = network_.quant_config,
                      .float_weights_sha256 = network_.float_weights_sha256},
                     *network_.module, optimizer);
  newest_ = OldCheckpoint::kKeep;
  saved_ = now;
}

RunResult RunRecord::stop(Progress& progress, Optimizer& optimizer) {
  save_checkpoint(progress, optimizer);
  write_manifest(progress, {"stopped"});
  return {.directory = directory_.root,
          .complete = false,
          .steps = progress.step,
          .epochs = epochs_,
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
    metadata["float_weights_sha256"] = network_.float_weights_sha256;
    write_record_file(directory_.record(), quant_record(*network_.module, network_.force_fp16_quant));
  }
  save_weights(*network_.module, directory_.weights(), metadata);
  const std::string hash = weights_hash(*network_.module);
  write_manifest(progress, {"complete", hash});
  return {.directory = directory_.root,
          .complete = true,
          .steps = progress.step,
          .epochs = epochs_,
          .weights_sha256 = hash};
}

void RunRecord::record_failure(const Progress& progress, const std::string& error) noexcept {
  try {
    write_manifest(progress, {.status = "failed", .error = error});
  } catch (...) {
    // The disk may be what failed.
  }
}

void RunRecord::write_manifest(const Progress& progress, const Outcome& outcome) const {
  Document data = data_, resumed_at = Document::list();
  data.add("class_names", class_names_);
  data.add("left_out", left_out_);
  for (std::int64_t step : progress.resumed_at) resumed_at.append(step);
  Document manifest = Document::map({{kFormatKey, to_text(kManifestFormat)},
                                     {"status", outcome.status},
                                     {"started", progress.started},
                                     {"written", now_utc()},
                                     {"resumed_at_steps", std::move(resumed_at)},
                                     {"machines", to_document(progress.machines)},
                                     {"experiment", experiment_document_},
                                     {"seeds", Document::map({{"experiment", experiment_.seed}})},
                                     {"data", std::move(data)},
                                     {"environment", to_document(system_info())},
                                     {"durations", durations_of(progress)},
                                     {"result", result_of(progress, outcome.weights_sha256)}});
  if (!network_.report.layers.empty()) manifest.add("quantization", describe(network_));
  if (!outcome.error.empty()) manifest.add("error", printable_lines(outcome.error));
  if (!warnings_.empty()) {
    Document& warnings = manifest.add("warnings", Document::list());
    for (const std::string& warning : warnings_) warnings.append(warning);
  }
  write_file_atomically(directory_.manifest(), to_json(manifest, kIndent) + '\n');
}

}  // namespace octet::detail
