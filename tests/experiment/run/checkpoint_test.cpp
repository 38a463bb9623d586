// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/checkpoint.h"

#include <gtest/gtest.h>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/rng.h"
#include "octet/experiment/run/setup.h"
#include "octet/experiment/run/weights_hash.h"
#include "octet/nn/state.h"
#include "support/error_text.h"
#include "support/file_size_limit.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using detail::CheckpointHeader;
using detail::find_checkpoint;
using detail::require_same;
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

  const detail::Checkpoint checkpoint = detail::read_checkpoint(path);
  const CheckpointHeader& read = checkpoint.header;
  EXPECT_EQ(to_json(read.experiment), to_json(header().experiment));
  EXPECT_EQ(to_json(read.data), to_json(header().data));
  EXPECT_EQ(to_json(to_document(read.progress)), to_json(to_document(header().progress)));
  detail::load_checkpoint_state(checkpoint, *loaded.module, *loaded.optimizer);
  EXPECT_EQ(weights_hash(*loaded.module), weights_hash(*saved.module));
  EXPECT_EQ(loaded.optimizer->named_state().front().tensor.values()[0], 3.0F);
}

TEST(Checkpoint, IsNoWeightFile) {
  const auto path = fresh_path("w.safetensors");
  Parts parts(tiny_experiment());
  save_weights(*parts.module, path);
  EXPECT_EQ(error_text([&] { detail::read_checkpoint(path); }),
            path.string() + R"(: is no checkpoint: its header has no "format")");
  save_weights(*parts.module, path, {{"format", "pt"}});
  EXPECT_EQ(error_text([&] { detail::read_checkpoint(path); }),
            path.string() + R"(: the format is "pt", expected "octet checkpoint 4")");
  save_weights(*parts.module, path, {{"format", "octet checkpoint 2"}});
  EXPECT_EQ(error_text([&] { detail::read_checkpoint(path); }),
            path.string() + R"(: the format is "octet checkpoint 2", which is read no longer; the oldest that is: )" +
                R"("octet checkpoint 3")");
}

TEST(Checkpoint, SaysWhereItsHeaderIsDamaged) {
  const auto path = fresh_path("w.safetensors");
  Parts parts(tiny_experiment());
  save_state(path, named_weights(*parts.module),
             {{"format", "octet checkpoint 3"}, {"experiment", "{}"}, {"data", "{}"}, {"progress", "{"}},
             {.sealed = true});
  EXPECT_EQ(error_text([&] { detail::read_checkpoint(path); }).find(path.string() + " (progress):1:2: "), 0U);
}

TEST(Checkpoint, BelongsToItsExperimentAndData) {
  const Document other = to_document(tiny_experiment({{"seed", "3"}}));
  const Document data = Document::map({{"train", Document::map({{"sha256", "bb"}})}});
  EXPECT_NO_THROW(require_same("p", "experiment", header().experiment, header().experiment));
  EXPECT_EQ(error_text([&] { require_same("p", "experiment", header().experiment, other); }),
            "p: a run goes on only with the experiment that it started with; then and now: seed: 1 and 3");
  EXPECT_EQ(error_text([&] { require_same("p", "data", header().data, data); }),
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
  const std::string error = error_text(
      [&] { detail::load_checkpoint_state(detail::read_checkpoint(path), *other.module, *other.optimizer); });
  EXPECT_NE(error.find("model.fc.weight: [4, 64] here, [3, 64] in the file"), std::string::npos) << error;
}

TEST(Checkpoint, TellsAnyBitThatHasChanged) {
  const auto path = fresh_path("c.safetensors");
  Parts parts(tiny_experiment());
  save_checkpoint(path, header(), *parts.module, *parts.optimizer);
  const std::string whole = read_file(path, 1 << 24);
  Rng rng(1);
  const auto header_bits = static_cast<std::int64_t>(8 * (whole.find("model.conv1") + 100));
  for (int i = 0; i < 300; ++i) {
    const auto bits = i % 2 ? header_bits : static_cast<std::int64_t>(8 * whole.size());
    const auto bit = static_cast<std::size_t>(rng.uniform() * static_cast<float>(bits - 1));
    std::string changed = whole;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    write_file_atomically(path, changed);
    EXPECT_THROW(detail::read_checkpoint(path), Error) << "bit " << bit;
  }
  write_file_atomically(path, whole);
  EXPECT_NO_THROW(detail::read_checkpoint(path));
}

class CheckpointFiles : public testing::Test {
 protected:
  CheckpointFiles() : directory_{fresh_path()}, parts_(tiny_experiment()) {
    std::filesystem::create_directories(directory_.root);
  }
  void save(std::int64_t step, detail::OldCheckpoint old = detail::OldCheckpoint::kKeep) {
    CheckpointHeader now = header();
    now.progress.step = step;
    replace_checkpoint(directory_, old, now, *parts_.module, *parts_.optimizer);
  }
  static std::int64_t step_in(const std::filesystem::path& path) {
    return detail::read_checkpoint(path).header.progress.step;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory_.root), {}));
  }

  RunDirectory directory_;
  Parts parts_;
};

TEST_F(CheckpointFiles, KeepTheOneBefore) {
  EXPECT_FALSE(find_checkpoint(directory_).has_value());
  save(1);
  EXPECT_EQ(files(), 1U);
  save(2);
  save(3);
  EXPECT_EQ(step_in(directory_.checkpoint()), 3);
  EXPECT_EQ(step_in(directory_.previous_checkpoint()), 2);
  EXPECT_EQ(files(), 2U);
  EXPECT_EQ(find_checkpoint(directory_)->newest_damaged, "");
}

TEST_F(CheckpointFiles, FallBackToTheOneBefore) {
  save(1);
  save(2);
  std::filesystem::resize_file(directory_.checkpoint(), 100);
  const auto found = find_checkpoint(directory_);
  EXPECT_EQ(found->checkpoint.header.progress.step, 1);
  EXPECT_EQ(found->newest_damaged.find(directory_.checkpoint().string()), 0U) << found->newest_damaged;

  save(3, detail::OldCheckpoint::kReplace);
  EXPECT_EQ(step_in(directory_.checkpoint()), 3);
  EXPECT_EQ(step_in(directory_.previous_checkpoint()), 1) << "the damaged one must not take its place";

  std::filesystem::remove(directory_.checkpoint());
  EXPECT_EQ(find_checkpoint(directory_)->checkpoint.header.progress.step, 1);
}

TEST_F(CheckpointFiles, StayAsTheyAreWhenTheDiskIsFull) {
  save(1);
  save(2);
  {
    const test::FileSizeLimit limit(10'000);
    EXPECT_EQ(error_text([&] { save(3); }),
              directory_.unfinished_checkpoint().string() + ": cannot write: File too large");
  }
  EXPECT_EQ(step_in(directory_.checkpoint()), 2);
  EXPECT_EQ(step_in(directory_.previous_checkpoint()), 1);
}

}  // namespace
}  // namespace octet
