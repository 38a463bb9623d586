// SPDX-License-Identifier: Apache-2.0
// The training loop. What a run leaves on disk is run_record.h, what it is made of setup.h.
#include "octet/experiment/run/train.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <limits>

#include "octet/autograd/ops.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/experiment/run/evaluate.h"
#include "octet/experiment/run/network.h"
#include "octet/experiment/run/progress.h"
#include "octet/experiment/run/run_record.h"
#include "octet/experiment/run/setup.h"

namespace octet {
namespace {

/// Seconds since the last call, or since it was made.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

struct Length {
  std::int64_t steps_per_epoch, total_steps, epochs;
};
Length length_of(const Experiment& experiment, const DataLoader& data) {
  const std::int64_t per_epoch = data.batches();
  const std::int64_t limit = experiment.max_steps.value_or(std::numeric_limits<std::int64_t>::max());
  const std::int64_t total = std::min(experiment.epochs * per_epoch, limit);
  return {per_epoch, total, (total + per_epoch - 1) / per_epoch};
}

/// Steps at the start of the run in which first clips are looked for. A checkpoint would lack what was seen so far, and
/// an evaluation needs clips: there is neither before they are found.
std::int64_t length_of_search(Module& net, const Length& length) {
  const std::int64_t steps = detail::steps_of_search(net);
  const std::int64_t first_epoch = std::min(length.steps_per_epoch, length.total_steps);
  require(steps <= first_epoch, "train: the first clips are to be found in batch_num = ", steps,
          " steps, but the first epoch has ", first_epoch);
  return steps;
}

float finite_loss(const Tensor& loss, const detail::Progress& at, double lr) {
  const float value = loss.item();
  require(std::isfinite(value), "train: the loss became ", std::isnan(value) ? "nan" : "infinite", " in step ",
          at.step + 1, " (epoch ", at.epoch + 1, ", lr ", lr,
          "); a smaller optimizer.lr, a longer warm-up or grad_clip may help");
  return value;
}

/// Adds to an error of the network in which step it came about.
template <typename Compute>
auto in_step(const detail::Progress& at, double lr, const Compute& compute) {
  try {
    return compute();
  } catch (const Error& error) {
    throw Error(text("train: step ", at.step + 1, " (epoch ", at.epoch + 1, ", lr ", lr, "): ", error.what()));
  }
}

/// A run under way.
struct Run {
  const Experiment& experiment;
  Observer& observer;
  const TrainOptions& options;
  const detail::Datasets& data;
  DataLoader& train_data;
  DataLoader& test_data;
  detail::RunRecord& record;
  Optimizer& optimizer;
  const Length length;
  const std::int64_t search;  ///< see length_of_search()
  const Schedule& schedule;
  detail::Progress& at;
  Stopwatch watch = {};

  Module& net() const { return *record.network().module; }
  bool stopped() const { return options.stop && *options.stop && at.step >= search; }
};

/// The rest of the current epoch, or up to where the run is stopped or ends.
void train_epoch(Run& run) {
  detail::Progress& at = run.at;
  Module& net = run.net();
  const std::vector<Tensor> parameters = net.parameters();
  net.train();
  run.train_data.set_epoch(at.epoch, at.batch);
  for (const auto& [images, labels] : run.train_data) {
    if (run.stopped() || at.step == run.length.total_steps) break;
    const double lr = run.schedule.lr(at.step);
    run.optimizer.set_lr(lr);
    const Tensor logits = in_step(at, lr, [&, &images = images] { return net(images); });
    const Tensor loss =
        cross_entropy(logits, labels, {.label_smoothing = static_cast<float>(run.experiment.label_smoothing)});
    const float loss_value = finite_loss(loss, at, lr);
    in_step(at, lr, [&] {
      run.optimizer.zero_grad();
      loss.backward();
      if (run.experiment.grad_clip) clip_grad_norm(parameters, *run.experiment.grad_clip);
      run.optimizer.step();
    });

    const StepReport step =
        at.count_step(loss_value, count_correct(logits, labels), images.dim(0), lr, run.watch.lap());
    if (step.step % run.experiment.log_every == 0) run.record.log_step(step, at.images_per_second());
    run.observer.stepped(step);
  }
}

/// Evaluates the epoch that has just been trained. Its training is saved before that, where a checkpoint is due, and
/// where the evaluation fails: a resumed run then begins with it.
std::optional<Evaluation> test_epoch(Run& run) {
  const std::int64_t epoch = run.at.epoch + 1;
  const bool due = epoch % run.experiment.checkpoint_every == 0 || epoch == run.length.epochs;
  if (due) run.record.save_checkpoint(run.at, run.optimizer);
  run.test_data.set_epoch(0);  // random steps in test_transforms are the same each time, also in a resumed run
  try {
    return evaluate(run.net(), run.test_data, run.observer, run.options.stop);
  } catch (const Error& error) {
    run.record.save_checkpoint(run.at, run.optimizer);
    throw Error(text("the test of epoch ", epoch, ": ", error.what(),
                     "; the epoch's training is saved: where this can ",
                     "be mended, --resume (TrainOptions::resume) goes on with the test"));
  }
}

RunResult run_epochs(Run& run) {
  run.observer.started({.directory = run.record.directory().root,
                        .model = run.experiment.model.name,
                        .parameters = run.net().parameter_count(),
                        .train_samples = run.train_data.samples(),
                        .test_samples = run.test_data.samples(),
                        .epochs = run.length.epochs,
                        .steps_per_epoch = run.length.steps_per_epoch,
                        .total_steps = run.length.total_steps,
                        .first_step = run.at.step,
                        .quantization = run.record.network().report,
                        .left_out = detail::left_out_lines(run.data),
                        .warnings = run.record.warnings()});
  run.watch.lap();
  while (run.at.epoch < run.length.epochs) {
    train_epoch(run);
    if (run.stopped()) return run.record.stop(run.at, run.optimizer);
    run.watch.lap();
    const std::optional<Evaluation> test = test_epoch(run);
    if (!test) return run.record.stop(run.at, run.optimizer);

    const EpochReport epoch =
        run.at.end_epoch(run.schedule.lr(run.at.step - 1), test->loss, test->accuracy, run.watch.lap());
    run.record.log_epoch(epoch);
    run.observer.epoch_ended(epoch);
  }
  return run.record.complete(run.at);
}

}  // namespace

RunResult train(const Experiment& experiment, Observer& observer, const TrainOptions& options) {
  const FloatEnvironment numbers;
  const detail::Datasets data = detail::open_datasets(experiment);
  DataLoader train_data = detail::train_loader(experiment, data.train);
  DataLoader test_data = detail::test_loader(experiment, data.test);
  detail::RunRecord record(experiment, data, options);
  Module& net = *record.network().module;
  const std::unique_ptr<Optimizer> optimizer = detail::make_optimizer(experiment.optimizer, net);
  const Length length = length_of(experiment, train_data);
  const std::int64_t search = length_of_search(net, length);
  const Schedule schedule =
      detail::make_schedule(experiment.schedule, experiment.optimizer.lr(), length.steps_per_epoch, length.total_steps);
  detail::Progress at = record.begin(*optimizer);
  Run run{.experiment = experiment,
          .observer = observer,
          .options = options,
          .data = data,
          .train_data = train_data,
          .test_data = test_data,
          .record = record,
          .optimizer = *optimizer,
          .length = length,
          .search = search,
          .schedule = schedule,
          .at = at};
  try {
    return run_epochs(run);
  } catch (const std::exception& error) {
    record.record_failure(at, error.what());
    throw;
  }
}

}  // namespace octet
