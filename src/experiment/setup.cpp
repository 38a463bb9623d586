// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/setup.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/data/image_folder.h"
#include "octet/data/known_datasets.h"
#include "octet/data/synthetic.h"

namespace octet::detail {
namespace {

// Far from the epochs that the loader forks the seed by, so that weights and data are independent.
constexpr std::uint64_t kInitialWeightsTag = 0x77656967687473;

std::shared_ptr<const Dataset> open(const FashionMnistSource& s, Split split) {
  return fashion_mnist(split, s.directory);
}
std::shared_ptr<const Dataset> open(const Cifar10Source& s, Split split) { return cifar10(split, s.directory); }
std::shared_ptr<const Dataset> open(const Cifar100Source& s, Split split) {
  return cifar100(split, s.coarse_labels ? Cifar100Labels::kCoarse : Cifar100Labels::kFine, s.directory);
}
std::shared_ptr<const Dataset> open(const ImageFolderSource& s, Split split) {
  return std::make_shared<ImageFolder>(split == Split::kTrain ? s.train : s.test,
                                       ImageFolder::Options{.channels = s.channels});
}
std::shared_ptr<const Dataset> open(const IdxSource& s, Split split) {
  return split == Split::kTrain ? idx_dataset(s.train_images, s.train_labels, s.class_names)
                                : idx_dataset(s.test_images, s.test_labels, s.class_names);
}
std::shared_ptr<const Dataset> open(const SyntheticSource& s, Split split) {
  const bool train = split == Split::kTrain;
  return synthetic_dataset({.count = train ? s.train_samples : s.test_samples,
                            .height = s.size.h,
                            .width = s.size.w,
                            .channels = s.channels,
                            .classes = s.classes,
                            .seed = static_cast<std::uint64_t>(s.seed),
                            .first = train ? 0 : s.train_samples});
}

/// Labels must fit the model; a set that lacks the last classes is no mistake where classes have no names of their own.
std::shared_ptr<const Dataset> open_checked(const Experiment& experiment, Split split) {
  auto dataset = std::visit([&](const auto& source) { return open(source, split); }, experiment.data);
  const bool counted = std::holds_alternative<IdxSource>(experiment.data);
  const std::int64_t expected = experiment.model.options.num_classes;
  require(counted ? dataset->classes() <= expected : dataset->classes() == expected, "experiment ",
          printable(experiment.name), ": model.num_classes is ", expected, ", but the ",
          split == Split::kTrain ? "training" : "test", " data has ", dataset->classes(), " classes");
  const std::int64_t channels = dataset->get(0).image.channels;
  require(channels == experiment.model.options.in_channels, "experiment ", printable(experiment.name),
          ": model.in_channels is ", experiment.model.options.in_channels, ", but the images of the ",
          split == Split::kTrain ? "training" : "test", " data have ", channels);
  return dataset;
}

/// Epochs in steps, rounded, within the run.
std::int64_t in_steps(double epochs, std::int64_t steps_per_epoch, std::int64_t total_steps) {
  const double steps = std::round(epochs * static_cast<double>(steps_per_epoch));
  return std::min(static_cast<std::int64_t>(steps), total_steps - 1);
}

}  // namespace

Datasets open_datasets(const Experiment& experiment) {
  Datasets sets{open_checked(experiment, Split::kTrain), open_checked(experiment, Split::kTest)};
  if (std::holds_alternative<ImageFolderSource>(experiment.data)) {
    require(sets.train->class_names() == sets.test->class_names(), "experiment ", printable(experiment.name),
            ": the folders of data.train and data.test do not have the same names");
  }
  return sets;
}

std::shared_ptr<const Dataset> open_test_set(const Experiment& experiment) {
  return open_checked(experiment, Split::kTest);
}

DataLoader train_loader(const Experiment& experiment, std::shared_ptr<const Dataset> dataset) {
  return DataLoader(std::move(dataset),
                    {.batch_size = experiment.batch_size,
                     .shuffle = true,
                     .seed = static_cast<std::uint64_t>(experiment.seed),
                     .workers = static_cast<int>(experiment.workers)},
                    experiment.train_transforms);
}

DataLoader test_loader(const Experiment& experiment, std::shared_ptr<const Dataset> dataset) {
  return DataLoader(std::move(dataset),
                    {.batch_size = experiment.eval_batch_size, .workers = static_cast<int>(experiment.workers)},
                    experiment.test_transforms);
}

std::unique_ptr<Module> initial_model(const Experiment& experiment) {
  Rng rng = Rng(static_cast<std::uint64_t>(experiment.seed)).fork(kInitialWeightsTag);
  return make_model(experiment.model.name, experiment.model.options, rng);
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerSpec& spec, const Module& module) {
  const auto groups = [&](double weight_decay) {
    if (!spec.decay_norms_and_biases) return decay_groups(module, weight_decay);
    return std::vector<ParameterGroup>{{.parameters = module.named_parameters()}};
  };
  if (const auto* sgd = std::get_if<SGD::Options>(&spec.options))
    return std::make_unique<SGD>(groups(sgd->weight_decay), *sgd);
  const auto& adamw = std::get<AdamW::Options>(spec.options);
  return std::make_unique<AdamW>(groups(adamw.weight_decay), adamw);
}

Schedule make_schedule(const ScheduleSpec& spec, double base_lr, std::int64_t steps_per_epoch,
                       std::int64_t total_steps) {
  if (const auto* cycle = std::get_if<OneCycleSpec>(&spec.curve)) {
    return OneCycleSchedule{.max_lr = base_lr,
                            .total_steps = total_steps,
                            .pct_start = cycle->pct_start,
                            .div_factor = cycle->div_factor,
                            .final_div_factor = cycle->final_div_factor};
  }
  const std::int64_t warmup = in_steps(spec.warmup.epochs, steps_per_epoch, total_steps);
  Schedule schedule = ConstantSchedule{base_lr};
  if (const auto* step = std::get_if<StepSpec>(&spec.curve)) {
    StepSchedule steps{.base_lr = base_lr, .milestones = {}, .gamma = step->gamma};
    // with_warmup() delays the schedule; milestones, none of them within the warm-up, count from the start of the run.
    for (std::int64_t epoch : step->milestones) steps.milestones.push_back(epoch * steps_per_epoch - warmup);
    schedule = steps;
  } else if (const auto* cosine = std::get_if<CosineSpec>(&spec.curve)) {
    schedule = CosineSchedule{.base_lr = base_lr, .total_steps = total_steps - warmup, .eta_min = cosine->eta_min};
  }
  return warmup > 0 ? schedule.with_warmup(warmup, spec.warmup.start_factor) : schedule;
}

}  // namespace octet::detail
