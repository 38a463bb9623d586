// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/setup.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/data/batch.h"
#include "octet/data/image_folder.h"
#include "octet/data/known_datasets.h"
#include "octet/data/synthetic.h"
#include "octet/experiment/file/experiment_paths.h"

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
/// The same, with every file read and decoded.
std::shared_ptr<const Dataset> open_and_read(const ImageFolderSource& s, Split split, std::int64_t workers) {
  const auto check = s.skip_unreadable ? ImageFolder::Check::kSkip : ImageFolder::Check::kStop;
  return std::make_shared<ImageFolder>(
      split == Split::kTrain ? s.train : s.test,
      ImageFolder::Options{.channels = s.channels, .check = check, .workers = static_cast<int>(workers)});
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

/// Which of `paths` a message is about: it begins with the file, or it is the folder that all share. One file may stand
/// at two keys.
std::string keys_at_fault(const std::vector<DataPath>& paths, std::string_view message) {
  std::string keys;
  for (const DataPath& named : paths)
    if (message.starts_with(printable(*named.path) + ':'))
      keys += (keys.empty() ? "data." : ", data.") + std::string(named.key);
  return keys.empty() ? text("data.", paths.front().key) : keys;
}

/// Of folders, whether their images are only listed, or read with so many threads.
struct Reading {
  bool all = false;
  std::int64_t workers = 1;
};

/// The data; errors name the experiment's key.
std::shared_ptr<const Dataset> open_named(DataSource data, Split split, const Reading& reading = {}) {
  std::vector<DataPath> paths = data_paths(data);
  std::erase_if(paths, [&](const DataPath& named) { return !named.serves(split); });
  for (const DataPath& named : paths) {
    std::error_code ignored;
    require(*named.path == kFashionMnistDirectory || std::filesystem::exists(*named.path, ignored), "data.", named.key,
            ": there is no ", *named.path, "; data that has moved is named with --set data.", named.key, "=PATH");
  }
  try {
    const auto* const folder = std::get_if<ImageFolderSource>(&data);
    if (folder && reading.all) return open_and_read(*folder, split, reading.workers);
    return std::visit([&](const auto& source) { return open(source, split); }, data);
  } catch (const Error& error) {
    if (paths.empty()) throw;
    throw Error(text(keys_at_fault(paths, error.what()), ": ", error.what()));
  }
}

/// Labels must fit the model; a set that lacks the last classes is no mistake where classes have no names of their own.
void check(const Experiment& experiment, const Dataset& dataset, Split split) {
  const char* const name = split == Split::kTrain ? "training" : "test";
  const bool numbered = std::holds_alternative<IdxSource>(experiment.data);
  const std::int64_t expected = experiment.model.options.num_classes;
  require(numbered ? dataset.classes() <= expected : dataset.classes() == expected, "experiment ",
          printable(experiment.name), ": model.num_classes is ", expected, ", but the ", name, " data has ",
          counted(dataset.classes(), "class", "classes"));
  const auto* const folder = std::get_if<ImageFolderSource>(&experiment.data);  // whose images may be unreadable
  const std::int64_t channels = folder ? folder->channels : dataset.get(0).image.channels;
  require(channels == experiment.model.options.in_channels, "experiment ", printable(experiment.name),
          ": model.in_channels is ", experiment.model.options.in_channels, ", but the images of the ", name,
          " data have ", channels);
}

void require_transforms(const Experiment& experiment) {
  if (const auto& spec = experiment.quantization)
    require(!spec->train_transforms_of_float && !spec->test_transforms_of_float, "experiment ",
            printable(experiment.name),
            ": leaves transforms to its float network; with_float_transforms() fills them in");
}

/// The first few of `names` that are not in `others`, for a message.
std::string names_only_in(const std::vector<std::string>& names, const std::vector<std::string>& others) {
  constexpr int kShown = 5;
  std::string list;
  int count = 0;
  for (const std::string& name : names) {
    if (std::ranges::find(others, name) != others.end()) continue;
    if (++count <= kShown) list += (list.empty() ? "" : ", ") + in_quotes(name);
  }
  return count > kShown ? text(list, " and ", count - kShown, " more") : list;
}

void require_same_folders(const Datasets& sets) {
  const std::vector<std::string>&train = sets.train->class_names(), &test = sets.test->class_names();
  const std::string lacks = names_only_in(train, test), has = names_only_in(test, train);
  if (lacks.empty() && has.empty()) return;
  fail("data.test: its folders are not those of data.train: ", lacks.empty() ? "" : "it lacks " + lacks,
       lacks.empty() || has.empty() ? "" : "; ", has.empty() ? "" : "data.train lacks " + has);
}

void require_fitting(const char* key, const Transform& transform, const Dataset& dataset) {
  try {
    octet::require_fitting(dataset, transform);
  } catch (const Error& error) {
    throw Error(text(key, ": ", error.what()));
  }
}

/// Epochs in steps, rounded, within the run.
std::int64_t in_steps(double epochs, std::int64_t steps_per_epoch, std::int64_t total_steps) {
  const double steps = std::round(epochs * static_cast<double>(steps_per_epoch));
  return std::min(static_cast<std::int64_t>(steps), total_steps - 1);
}

}  // namespace

Datasets open_datasets(const Experiment& experiment) {
  require_transforms(experiment);
  Datasets sets{open_named(experiment.data, Split::kTrain), open_named(experiment.data, Split::kTest)};
  if (std::holds_alternative<ImageFolderSource>(experiment.data)) require_same_folders(sets);
  check(experiment, *sets.train, Split::kTrain);
  check(experiment, *sets.test, Split::kTest);
  if (std::holds_alternative<ImageFolderSource>(experiment.data)) {
    const Reading reading{.all = true, .workers = experiment.workers};
    sets = {open_named(experiment.data, Split::kTrain, reading), open_named(experiment.data, Split::kTest, reading)};
  }
  require_fitting("train_transforms", experiment.train_transforms, *sets.train);
  require_fitting("test_transforms", experiment.test_transforms, *sets.test);
  return sets;
}

std::shared_ptr<const Dataset> open_test_set(const Experiment& experiment) {
  require_transforms(experiment);
  auto dataset = open_named(experiment.data, Split::kTest);
  check(experiment, *dataset, Split::kTest);
  const auto* const folder = std::get_if<ImageFolderSource>(&experiment.data);
  if (!folder || !folder->skip_unreadable) return dataset;
  return open_named(experiment.data, Split::kTest, {.all = true, .workers = experiment.workers});
}

std::vector<std::string> left_out_lines(const Datasets& data) {
  std::vector<std::string> lines;
  const auto add = [&](const char* split, const Dataset& dataset) {
    for (const LeftOut& group : dataset.left_out()) {
      const std::string first = group.files.empty() ? "" : text(", the first: ", printable(group.files.front()));
      lines.push_back(text("left out of the ", split, " images: ", group.count, ' ', printable(group.reason), first));
    }
  };
  add("training", *data.train);
  add("test", *data.test);
  return lines;
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
    // with_warmup() delays the schedule; milestones count from the start of the run. Those within the warm-up become
    // negative: the first step behind it is already lower, as with PyTorch's SequentialLR.
    for (std::int64_t epoch : step->milestones) steps.milestones.push_back(epoch * steps_per_epoch - warmup);
    schedule = steps;
  } else if (const auto* cosine = std::get_if<CosineSpec>(&spec.curve)) {
    schedule = CosineSchedule{.base_lr = base_lr, .total_steps = total_steps - warmup, .eta_min = cosine->eta_min};
  }
  return warmup > 0 ? schedule.with_warmup(warmup, spec.warmup.start_factor) : schedule;
}

}  // namespace octet::detail
