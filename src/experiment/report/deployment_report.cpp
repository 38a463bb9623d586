// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/deployment_report.h"

#include <bit>
#include <numeric>
#include <utility>

#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/data/batch.h"
#include "octet/experiment/file/evaluation_experiment.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/report/float_graph.h"
#include "octet/experiment/report/run_times.h"
#include "octet/experiment/run/deploy_run.h"
#include "octet/experiment/run/finite.h"
#include "octet/experiment/run/network.h"
#include "octet/experiment/run/run_weights.h"
#include "octet/experiment/run/setup.h"
#include "octet/experiment/run/trained_model.h"
#include "octet/experiment/run/weights_hash.h"
#include "octet/graph/onnx_writer.h"
#include "octet/kernels/core/parallel.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBatch = 32;
constexpr int kFewestRounds = 5, kProfiles = 30;

/// Both networks on the same images in the same batches, logit by logit.
void compare(DeploymentReport& report, Module& retrained, const deploy::Model& deployed, const DataLoader& data,
             Observer& observer) {
  const NoGrad no_grad;
  EvaluationSum of_retrained, of_deployed;
  std::int64_t batch = 0;
  for (const auto& [images, labels] : data) {
    const Tensor logits = retrained(images);
    const std::vector<float> expected = logits.to_vector();
    const std::vector<float> actual = deployed.run(images.to_vector(), images.dim(0));
    require(actual.size() == expected.size(), "the deployed network gives ", actual.size(), " logits for ",
            images.dim(0), " images, the retrained one ", expected.size());
    const auto classes = static_cast<std::ptrdiff_t>(logits.dim(1));
    of_retrained.add(logits, labels);
    of_deployed.add(Tensor::from_values(logits.shape(), actual), labels);
    for (auto a = actual.begin(), e = expected.begin(); a != actual.end(); a += classes, e += classes) {
      report.differing_predictions +=
          detail::index_of_greatest({a, a + classes}) != detail::index_of_greatest({e, e + classes});
      report.differing_logits +=
          std::inner_product(a, a + classes, e, std::int64_t{0}, std::plus(), [](float x, float y) {
            return std::int64_t{std::bit_cast<std::uint32_t>(x) != std::bit_cast<std::uint32_t>(y)};
          });
    }
    report.logits += std::ssize(actual);
    observer.evaluating({.batch = ++batch, .batches = data.batches()});
  }
  report.retrained = of_retrained.mean();
  report.deployed = of_deployed.mean();
}

/// The first images of the test data, as many as asked for: again from the first, if there are not so many.
std::vector<float> images_of(const Experiment& experiment, std::int64_t count) {
  const auto data = detail::open_test_set(experiment);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < count; ++i) indices.push_back(i % data->size());
  return make_batch(*data, indices, experiment.test_transforms, Rng(0)).images.to_vector();
}

void measure(DeploymentReport& report, const Experiment& experiment, const deploy::Model& float_model,
             const deploy::Model& deployed, double seconds) {
  const std::vector<float> image = images_of(experiment, 1), images = images_of(experiment, kBatch);
  const std::vector<const deploy::Model*> models{&float_model, &deployed};
  for (const deploy::Model* model : models) {  // the first runs, which plan
    model->run(image);
    model->run(images, kBatch);
  }
  const Rounds rounds{.fewest = kFewestRounds, .seconds = seconds};
  const std::vector<double> one = median_milliseconds(models, image, 1, rounds);
  const std::vector<double> batch = median_milliseconds(models, images, kBatch, rounds);
  const auto cost = [&](DeployedCost& of, std::size_t i) {
    of.file_bytes = fs::file_size(of.file);
    of.milliseconds = one[i];
    of.images_per_second = 1e3 * static_cast<double>(kBatch) / batch[i];
  };
  cost(report.float_cost, 0);
  cost(report.int8_cost, 1);
  report.layers = deployed.profile(image, 1, kProfiles);
}

}  // namespace

DeploymentReport deployment_report(const fs::path& run_directory, Observer& observer,
                                   const DeploymentReportOptions& options) {
  const RunDirectory directory{run_directory};
  TrainedModel retrained = load_trained_model(run_directory);
  retrained.experiment = evaluation_experiment(retrained.experiment, run_directory,
                                               {.overrides = options.overrides, .float_weights = true});
  const Experiment& experiment = retrained.experiment;
  require(experiment.quantization.has_value(), run_directory.string(), ": the run's experiment has no quantization");
  require(fs::exists(directory.deployed()), directory.deployed().string(), ": there is no such file; octet deploy ",
          run_directory.string(), " makes it");
  const deploy::Model deployed = deploy::Model::load(directory.deployed());
  const std::unique_ptr<Module> before = detail::float_network(experiment);
  detail::require_same_float_weights(weights_hash(*before), retrained.float_weights_sha256,
                                     experiment.quantization->weights);
  const DataLoader data = detail::test_loader(experiment, detail::open_test_set(experiment));

  DeploymentReport report{};
  report.name = experiment.name;
  report.model = experiment.model.name;
  report.threads = kernels::num_threads();
  report.before = *evaluate(*before, data, observer);
  report.ranges =
      activation_ranges(*retrained.module, [&] { compare(report, *retrained.module, deployed, data, observer); });

  Graph float_graph = detail::float_graph(*before, retrained.input_shape);
  float_graph.metadata = deployed_metadata(retrained);
  write_onnx_file(float_graph, directory.float_network());
  report.float_cost.file = directory.float_network();
  report.int8_cost.file = directory.deployed();
  measure(report, experiment, deploy::Model::load(directory.float_network()), deployed, options.seconds);

  const RunDirectory float_run{experiment.quantization->weights};
  if (fs::exists(float_run.log())) report.float_curve = read_training_curve(float_run.log());
  report.retraining_curve = read_training_curve(directory.log());
  return report;
}

}  // namespace octet
