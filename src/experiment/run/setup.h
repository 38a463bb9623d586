// SPDX-License-Identifier: Apache-2.0
// From the plain values of an experiment to the objects of a run. Private to the room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "octet/data/dataset.h"
#include "octet/data/loader.h"
#include "octet/experiment/file/experiment.h"
#include "octet/nn/module.h"
#include "octet/nn/optim.h"
#include "octet/nn/schedule.h"

namespace octet::detail {

struct Datasets {
  std::shared_ptr<const Dataset> train, test;
};

/// Reads and decodes every file once. Throws Error if files are missing or damaged, or if the two sets or the model do
/// not agree about the classes.
Datasets open_datasets(const Experiment& experiment);
/// Only the test set, for evaluation. Throws Error likewise; images that cannot be read are left out, if the experiment
/// says so, and else an error when they are asked for.
std::shared_ptr<const Dataset> open_test_set(const Experiment& experiment);

/// What lies among the files of the two sets and is none of their samples: one line per kind.
std::vector<std::string> left_out_lines(const Datasets& data);

/// Batches in the order and with the random choices that the experiment's seed gives.
DataLoader train_loader(const Experiment& experiment, std::shared_ptr<const Dataset> dataset);
/// Batches in the order of the dataset.
DataLoader test_loader(const Experiment& experiment, std::shared_ptr<const Dataset> dataset);

/// A network with the initial weights that the seed gives.
std::unique_ptr<Module> initial_model(const Experiment& experiment);

std::unique_ptr<Optimizer> make_optimizer(const OptimizerSpec& spec, const Module& module);

/// `base_lr` is the optimizer's; the run makes `total_steps` steps.
Schedule make_schedule(const ScheduleSpec& spec, double base_lr, std::int64_t steps_per_epoch,
                       std::int64_t total_steps);

}  // namespace octet::detail
