// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/checkpoint.h"

#include <gtest/gtest.h>

#include "octet/experiment/setup.h"
#include "octet/experiment/weights_hash.h"
#include "octet/nn/state.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using detail::CheckpointHeader;
using test::error_text;
using test::fresh_path;
using test::tiny_experiment;

struct Parts {
  explicit Parts(const Experiment& e)
      : module(detail::initial_model(e)), optimizer(detail::make_optimizer(e.optimizer, *module)) {}
  std::unique_ptr<Module> module;
  std::unique_ptr<Optimizer> optimizer;
};

CheckpointHeader header() {
  return {.experiment = to_document(tiny_experiment()),
          .data = Document::map({{"train", Document::map({{"sha256", "aa"}})}}),
          .progress = {.step = 5, .batch = 5, .machines = {{0, "2.6.3", "AVX2"}}}};
}

TEST(Checkpoint, GivesBackHeaderAndState) {
  const auto path = fresh_path("c.safetensors");
  Parts saved(tiny_experiment()), loaded(tiny_experiment({{"seed", "2"}}));
  saved.optimizer->named_state().front().tensor.mutable_values()[0] = 3.0F;
  save_checkpoint(path, header(), *saved.module, *saved.optimizer);

  const CheckpointHeader read = detail::read_checkpoint_header(path);
  EXPECT_EQ(to_json(read.experiment), to_json(header().experiment));
  EXPECT_EQ(to_json(read.data), to_json(header().data));
  EXPECT_EQ(to_json(to_document(read.progress)), to_json(to_document(header().progress)));
  detail::load_checkpoint_state(path, *loaded.module, *loaded.optimizer);
  EXPECT_EQ(weights_hash(*loaded.module), weights_hash(*saved.module));
  EXPECT_EQ(loaded.optimizer->named_state().front().tensor.values()[0], 3.0F);
}

TEST(Checkpoint, IsNoWeightFile) {
  const auto path = fresh_path("w.safetensors");
  Parts parts(tiny_experiment());
  save_weights(*parts.module, path);
  EXPECT_EQ(error_text([&] { detail::read_checkpoint_header(path); }),
            path.string() + R"(: is no checkpoint: its header has no "format")");
  save_weights(*parts.module, path, {{"format", "pt"}});
  EXPECT_EQ(error_text([&] { detail::read_checkpoint_header(path); }),
            path.string() + R"(: the format is "pt", expected "octet checkpoint 2")");
}

TEST(Checkpoint, SaysWhereItsHeaderIsDamaged) {
  const auto path = fresh_path("w.safetensors");
  Parts parts(tiny_experiment());
  save_weights(*parts.module, path,
               {{"format", "octet checkpoint 2"}, {"experiment", "{}"}, {"data", "{}"}, {"progress", "{"}});
  EXPECT_EQ(error_text([&] { detail::read_checkpoint_header(path); }).find(path.string() + " (progress):1:2: "), 0U);
}

TEST(Checkpoint, BelongsToItsExperimentAndData) {
  const Document other = to_document(tiny_experiment({{"seed", "3"}}));
  const Document data = Document::map({{"train", Document::map({{"sha256", "bb"}})}});
  EXPECT_NO_THROW(require_same_run("p", header(), header().experiment, header().data));
  EXPECT_EQ(error_text([&] { require_same_run("p", header(), other, header().data); }),
            "p: a run goes on only with the experiment that it started with; then and now: seed: 1 and 3");
  EXPECT_EQ(error_text([&] { require_same_run("p", header(), header().experiment, data); }),
            R"(p: a run goes on only with the data that it started with; then and now: train.sha256: "aa" and "bb")");
}

TEST(Checkpoint, BelongsToOneDnnAndItsInstructions) {
  const detail::MachineUse then = {0, "2.6.3", "AVX2"};
  EXPECT_NO_THROW(require_same_machine("p", then, {7, "2.6.3", "AVX2"}));
  EXPECT_EQ(error_text([&] {
              require_same_machine("p", then, {7, "2.6.3", "SSE41"});
            }),
            "p: the run was computed by oneDNN 2.6.3 with AVX2; here oneDNN 2.6.3 with SSE41 would end it with other "
            "bits, which --allow-other-machine (TrainOptions::allow_other_machine) permits");
  EXPECT_EQ(error_text([&] {
              require_same_machine("p", then, {7, "3.7.2", "AVX2"});
            }),
            "p: the run was computed by oneDNN 2.6.3 with AVX2; here oneDNN 3.7.2 with AVX2 would end it with other "
            "bits, which --allow-other-machine (TrainOptions::allow_other_machine) permits");
}

TEST(Checkpoint, DoesNotFitAnotherNetwork) {
  const auto path = fresh_path("c.safetensors");
  Parts saved(tiny_experiment()), other(tiny_experiment({{"data.classes", "4"}}));
  save_checkpoint(path, header(), *saved.module, *saved.optimizer);
  const std::string error = error_text([&] { detail::load_checkpoint_state(path, *other.module, *other.optimizer); });
  EXPECT_NE(error.find("model.fc.weight: [4, 64] here, [3, 64] in the file"), std::string::npos) << error;
}

}  // namespace
}  // namespace octet
