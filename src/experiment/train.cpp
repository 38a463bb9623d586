// SPDX-License-Identifier: Apache-2.0
// The training loop. What a run leaves on disk is run_record.h, what it is made of setup.h.
#include "octet/experiment/train.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "octet/autograd/ops.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/experiment/evaluate.h"
#include "octet/experiment/network.h"
#include "octet/experiment/progress.h"
#include "octet/experiment/run_record.h"
#include "octet/experiment/setup.h"

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

}  // namespace

RunResult train(const Experiment& experiment, Observer& observer, const TrainOptions& options) {
  const FloatEnvironment numbers;
  const detail::Datasets data = detail::open_datasets(experiment);
  DataLoader train_data = detail::train_loader(experiment, data.train);
  DataLoader test_data = detail::test_loader(experiment, data.test);
  detail::RunRecord record(experiment, data, options);
  Module& net = *record.network().module;
  const std::unique_ptr<Optimizer> optimizer = detail::make_optimizer(experiment.optimizer, net);
  const std::vector<Tensor> parameters = net.parameters();
  const Length length = length_of(experiment, train_data);
  const std::int64_t search = length_of_search(net, length);
  const Schedule schedule =
      detail::make_schedule(experiment.schedule, experiment.optimizer.lr(), length.steps_per_epoch, length.total_steps);
  detail::Progress at = record.begin(*optimizer);
  observer.started({.directory = record.directory().root,
                    .model = experiment.model.name,
                    .parameters = net.parameter_count(),
                    .train_samples = train_data.samples(),
                    .test_samples = test_data.samples(),
                    .epochs = length.epochs,
                    .steps_per_epoch = length.steps_per_epoch,
                    .total_steps = length.total_steps,
                    .first_step = at.step,
                    .quantization = record.network().report,
                    .left_out = detail::left_out_lines(data),
                    .warnings = record.warnings()});

  const auto stopped = [&] { return options.stop && *options.stop && at.step >= search; };
  Stopwatch watch;
  while (at.epoch < length.epochs) {
    net.train();
    train_data.set_epoch(at.epoch, at.batch);
    for (const auto& [images, labels] : train_data) {
      if (stopped() || at.step == length.total_steps) break;
      optimizer->set_lr(schedule.lr(at.step));
      const Tensor logits = net(images);
      const Tensor loss =
          cross_entropy(logits, labels, {.label_smoothing = static_cast<float>(experiment.label_smoothing)});
      const float loss_value = finite_loss(loss, at, optimizer->lr());
      optimizer->zero_grad();
      loss.backward();
      if (experiment.grad_clip) clip_grad_norm(parameters, *experiment.grad_clip);
      optimizer->step();

      const StepReport step =
          at.count_step(loss_value, count_correct(logits, labels), images.dim(0), optimizer->lr(), watch.lap());
      if (step.step % experiment.log_every == 0) record.log_step(step, at.images_per_second());
      observer.stepped(step);
    }
    watch.lap();
    test_data.set_epoch(0);  // random steps in test_transforms are the same each time, also in a resumed run
    const std::optional<Evaluation> test = stopped() ? std::nullopt : evaluate(net, test_data, observer, options.stop);
    if (!test) return record.stop(at, *optimizer);

    const EpochReport epoch = at.end_epoch(schedule.lr(at.step - 1), test->loss, test->accuracy, watch.lap());
    record.log_epoch(epoch);
    observer.epoch_ended(epoch);
    if (at.epoch % experiment.checkpoint_every == 0 || at.epoch == length.epochs)
      record.save_checkpoint(at, *optimizer);
  }
  return record.complete(at);
}

}  // namespace octet
