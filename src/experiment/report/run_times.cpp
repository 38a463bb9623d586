// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/run_times.h"

#include <algorithm>
#include <chrono>

#include "octet/base/error.h"

namespace octet {

std::vector<double> median_milliseconds(const std::vector<const deploy::Model*>& models, std::span<const float> input,
                                        std::int64_t batch, const Rounds& rounds) {
  using Clock = std::chrono::steady_clock;
  require(rounds.fewest >= 1, "median_milliseconds: there must be at least 1 round, got ", rounds.fewest);
  std::vector<std::vector<float>> outputs;
  for (const deploy::Model* model : models) {
    Shape shape = model->output_shape();
    shape[0] = batch;
    outputs.emplace_back(static_cast<std::size_t>(element_count(shape)));
  }
  std::vector<std::vector<double>> times(models.size());
  const Clock::time_point end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(rounds.seconds));
  for (int round = 0; round < rounds.fewest || Clock::now() < end; ++round)
    for (std::size_t i = 0; i < models.size(); ++i) {
      const Clock::time_point begin = Clock::now();
      models[i]->run(input, batch, outputs[i]);
      times[i].push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    }
  std::vector<double> medians;
  for (std::vector<double>& of_model : times) {
    std::ranges::sort(of_model);
    medians.push_back(of_model[of_model.size() / 2]);
  }
  return medians;
}

double median_milliseconds(const deploy::Model& model, std::span<const float> input, std::int64_t batch, int rounds) {
  return median_milliseconds({&model}, input, batch, {.fewest = rounds}).front();
}

}  // namespace octet
