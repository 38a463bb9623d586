// SPDX-License-Identifier: Apache-2.0
// Everything that reads and writes, under a locale with decimal commas: the same files and hashes as in the C locale.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>

#include "octet/base/file.h"
#include "octet/compat/simplified_config.h"
#include "octet/data/synthetic.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/report/deployment_report.h"
#include "octet/experiment/report/report_page.h"
#include "octet/experiment/report/training_curve.h"
#include "octet/experiment/run/deploy_run.h"
#include "octet/experiment/run/deployed_model.h"
#include "octet/experiment/run/train.h"
#include "octet/experiment/run/trained_model.h"
#include "octet/experiment/run/weights_hash.h"
#include "support/comma_locale.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::fresh_path;
using Texts = std::map<std::string, std::string>;

/// A float run that is stopped and resumed, its retraining, and what is made of that.
void add_runs(Texts& texts) {
  Observer quiet;
  const RunDirectory before{fresh_path("float")}, after{fresh_path("quantized")};
  const std::atomic<bool> stop = true;
  train(test::tiny_experiment(), quiet, {.run_directory = before.root, .stop = &stop});
  texts["float run"] =
      train(test::tiny_experiment(), quiet, {.run_directory = before.root, .resume = true}).weights_sha256;
  texts["retraining"] = train(test::tiny_retraining(before.root), quiet, {.run_directory = after.root}).weights_sha256;
  texts["weights"] = weights_hash(*load_trained_model(after.root).module);
  const SavedModels saved = deploy_run(after.root);
  constexpr std::uint64_t kPlenty = 16 << 20;
  for (const auto& path :
       {before.experiment(), after.experiment(), after.quant_config(), after.record(), saved.deploy, saved.fake_quant})
    texts[path.string()] = read_file(path, kPlenty);
  const Evaluation deployed = evaluate(load_deployed_model(saved.deploy));
  texts["evaluation"] = std::to_string(static_cast<std::int64_t>(deployed.loss * 1e9));
  for (const TrainingCurve::Point& point : read_training_curve(after.log()).loss)
    texts["log"] += std::to_string(static_cast<std::int64_t>(point.value * 1e9)) + ' ';
}

void add_texts(Texts& texts) {
  const SimplifiedConfig config = parse_quant_cfg(
      "retrain_data_quant_config { ulq_quantize { clip_max_min { clip_max: 6.25 clip_min: -1.5e-1 } } }", "quant.cfg");
  texts["quant.cfg"] = config.global.data.clip_max == 6.25F && config.global.data.clip_min == -0.15F ? "read" : "wrong";
  texts["data"] = synthetic_dataset({.count = 2000, .height = 8, .width = 8})->content_hash();
  DeploymentReport report{};
  report.float_cost = {"float_model.onnx", 1'000'000, 1.5, 1000.0, 30'000'000};
  report.float_curve = {{{1000, 2.5}, {2000, 1.25}}, {{2000, 0.75}}, 2000};
  report.ranges = {{"fc", {.clips = {.max = 2.5F, .min = -1.25F}, .grid = {}, .bits = 8}, 100000, 1}};
  texts["report"] = report_page(report);
}

Texts everything() {
  Texts texts;
  add_runs(texts);
  add_texts(texts);
  return texts;
}

TEST(LocaleOfTheProgram, ChangesNoFileAndNoHash) {
  const Texts plain = everything();
  EXPECT_EQ(plain.at("quant.cfg"), "read");
  {
    const test::CommaInC comma;
    EXPECT_EQ(everything(), plain) << "after setlocale";
  }
  const test::CommaInCpp comma;
  EXPECT_EQ(everything(), plain) << "after std::locale::global";
}

}  // namespace
}  // namespace octet
