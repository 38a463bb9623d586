// SPDX-License-Identifier: Apache-2.0
// The files of each release, read by today's code: they load, and mean what they meant.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/quant_record.h"
#include "octet/experiment/file/experiment.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/report/training_curve.h"
#include "octet/experiment/run/checkpoint.h"
#include "octet/experiment/run/deploy_run.h"
#include "octet/experiment/run/deployed_model.h"
#include "octet/experiment/run/system_info.h"
#include "octet/experiment/run/train.h"
#include "octet/experiment/run/trained_model.h"
#include "octet/experiment/run/weights_hash.h"
#include "octet/graph/onnx_reader.h"
#include "octet/graph/onnx_writer.h"
#include "octet/nn/models.h"
#include "octet/quant/quant_retrain_config.h"
#include "support/earlier_files.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::contents;
using test::copy_with_metadata;
using test::earlier_file;
using test::error_text;
using test::fresh_path;
using testing::HasSubstr;

constexpr const char* kFloatHash = "c606871a390ccb8b23298e45b4d121941a3326cdc1d4e609a18c87d36bd68de4";
constexpr const char* kRetrainedHash = "b1a98faf997848417538d3c1f04c6d2bf1ce3f19416c5ed7fa29aba2b2e62d93";

RunDirectory directory_with(const std::vector<std::pair<std::string, fs::path>>& files) {
  const RunDirectory directory{fresh_path()};
  fs::create_directories(directory.root);
  for (const auto& [from, to] : files) fs::copy_file(earlier_file(from), directory.root / to);
  return directory;
}

/// Whether the last bits of training are those of the machine that made the files.
bool on_their_machine() {
  const Document manifest = parse_json(contents(earlier_file("float_manifest.json")), "manifest");
  const Document then = manifest.at("environment"), now = to_document(system_info());
  for (const char* key : {"onednn", "isa", "cpu"})
    if (then.at(key).as_string() != now.at(key).as_string()) return false;
  return true;
}

/// What a checkpoint says of its run.
detail::CheckpointHeader header_of(const std::string& checkpoint) {
  return detail::read_checkpoint(earlier_file(checkpoint)).header;
}

RunResult finish(const std::string& checkpoint) {
  const RunDirectory directory = directory_with({{checkpoint, "checkpoint.safetensors"}});
  Observer quiet;
  return train(parse_experiment(header_of(checkpoint).experiment, model_names()), quiet,
               {.run_directory = directory.root, .resume = true, .allow_other_machine = true});
}

/// Both graphs as text, with every constant.
void expect_same(const Graph& a, const Graph& b) {
  EXPECT_EQ(a.to_string(), b.to_string());
  ASSERT_EQ(a.values.size(), b.values.size());
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    EXPECT_EQ(a.values[i].name, b.values[i].name);
    ASSERT_EQ(a.values[i].data == nullptr, b.values[i].data == nullptr) << a.values[i].name;
    EXPECT_TRUE(!a.values[i].data || *a.values[i].data == *b.values[i].data) << a.values[i].name;
  }
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (std::size_t i = 0; i < a.nodes.size(); ++i) EXPECT_EQ(a.nodes[i].attributes, b.nodes[i].attributes) << i;
}

TEST(EarlierFiles, WeightsAreThoseOfTheRun) {
  for (const auto& [name, hash] : {std::pair{"float_weights.safetensors", kFloatHash},
                                   std::pair{"retrained_weights.safetensors", kRetrainedHash}}) {
    const TrainedModel model = load_trained_model(earlier_file(name));
    EXPECT_EQ(weights_hash(*model.module), hash);
    EXPECT_EQ(model.input_shape, (Shape{1, 8, 8}));
    EXPECT_THAT(model.class_names, testing::ElementsAre("0", "1", "2"));
  }
}

TEST(EarlierFiles, AFloatRunGoesOnToItsEnd) {
  const RunResult result = finish("float_checkpoint.safetensors");
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.steps, 12);
  EXPECT_TRUE(!on_their_machine() || result.weights_sha256 == kFloatHash) << result.weights_sha256;
}

TEST(EarlierFiles, ARetrainingGoesOnToItsEnd) {
  const RunResult result = finish("retrained_checkpoint.safetensors");
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.steps, 8);
  EXPECT_TRUE(!on_their_machine() || result.weights_sha256 == kRetrainedHash) << result.weights_sha256;
}

TEST(EarlierFiles, CheckpointsComputeUnderTheFirstNumerics) {
  EXPECT_EQ(header_of("float_checkpoint.safetensors").numerics, 1);
  EXPECT_EQ(header_of("retrained_checkpoint.safetensors").numerics, 1);
}

TEST(EarlierFiles, ARetrainedRunIsDeployedWithTheSameConstants) {
  const RunDirectory directory = directory_with(
      {{"retrained_weights.safetensors", "weights.safetensors"}, {"quant_config.json", "quant_config.json"}});
  const SavedModels saved = deploy_run(directory.root);
  expect_same(read_onnx_file(saved.deploy), read_onnx_file(earlier_file("deploy_model.onnx")));
  EXPECT_EQ(contents(directory.record()), "# octet record 1\n" + contents(earlier_file("record.txt")));
}

TEST(EarlierFiles, DeployedFilesKnowTheirExperiment) {
  const DeployedModel model = load_deployed_model(earlier_file("deploy_model.onnx"));
  EXPECT_EQ(model.experiment->name, "tinyq");
  EXPECT_EQ(evaluate(model).images, 12);
}

TEST(EarlierFiles, ConfigurationAndRecordSayTheSame) {
  std::vector<QuantizableLayer> layers;
  std::vector<std::string> names;
  const Document file = parse_json(contents(earlier_file("quant_config.json")), "config");
  for (const Document::Member& member : file.members()) {
    if (member.key == "version" || member.key == "batch_num") continue;
    layers.push_back({member.key, member.key == "fc" ? "Linear" : "Conv2d"});
    names.push_back(member.key);
  }
  EXPECT_EQ(to_json_text(read_quant_retrain_config(earlier_file("quant_config.json"), layers)),
            contents(earlier_file("quant_config.json")));

  const QuantRecord record = read_record_file(earlier_file("record.txt"), names);
  EXPECT_EQ(to_record_text(record), contents(earlier_file("record.txt")));
  const TrainedModel model = load_trained_model(earlier_file("retrained_weights.safetensors"));
  EXPECT_EQ(quant_record(*model.module), record);
}

TEST(EarlierFiles, ExperimentsAndManifestsSayTheSame) {
  for (const std::string kind : {"float", "retrained"}) {
    const Document then = parse_json(contents(earlier_file(kind + "_experiment.json")), "then");
    const Document now = to_document(parse_experiment(then, model_names()));
    EXPECT_EQ(to_json(now), "{\"format\": \"octet experiment 1\", " + to_json(then).substr(1));
    EXPECT_TRUE(differences(then, now).empty());
  }
  const RunDirectory directory = directory_with({{"float_manifest.json", "manifest.json"}});
  EXPECT_EQ(read_manifest(directory).at("result").at("weights_sha256").as_string(), kFloatHash);
  for (const char* name : {"tiny.yaml", "tinyq.yaml"})
    EXPECT_NO_THROW(parse_experiment(parse_yaml(contents(earlier_file(name)), name), model_names())) << name;
}

// ---- the same files of a version that nobody knows yet --------------------------------------------------------------

constexpr const char* kRemedy = "update Octet to read the file";

TEST(NewerFiles, WeightsAreRefused) {
  const fs::path file = fresh_path("w.safetensors");
  for (const char* name : {"float_weights.safetensors", "retrained_weights.safetensors"}) {
    copy_with_metadata(earlier_file(name), file, "octet_format", "octet weights 99");
    EXPECT_EQ(error_text([&] { load_trained_model(file); }),
              file.string() + R"(: the format is "octet weights 99", which a newer Octet wrote; this one knows )" +
                  R"("octet weights 1" at most: update Octet to read the file)");
  }
}

TEST(NewerFiles, CheckpointsAreRefusedAlthoughThereIsAnOlderOne) {
  const RunDirectory directory = directory_with({{"float_checkpoint.safetensors", "checkpoint.previous.safetensors"}});
  for (const char* name : {"float_checkpoint.safetensors", "retrained_checkpoint.safetensors"}) {
    copy_with_metadata(earlier_file(name), directory.checkpoint(), "format", "octet checkpoint 99");
    const std::string error = error_text([&] { detail::find_checkpoint(directory); });
    EXPECT_THAT(error,
                HasSubstr(directory.checkpoint().string() + R"(: the format is "octet checkpoint 99", which a )"));
    EXPECT_THAT(error, HasSubstr(kRemedy));
  }
  fs::resize_file(directory.checkpoint(), fs::file_size(directory.checkpoint()) - 1);  // damaged: the older one serves
  EXPECT_EQ(detail::find_checkpoint(directory)->checkpoint.path, directory.previous_checkpoint());
}

TEST(NewerFiles, DeployedFilesAreRefused) {
  const fs::path file = fresh_path("d.onnx");
  Graph graph = read_onnx_file(earlier_file("deploy_model.onnx"));
  write_file_atomically(file, test::with(write_onnx(graph), "octet model 1", "octet model 9"));
  EXPECT_EQ(error_text([&] { deploy::Model::load(file); }),
            file.string() + R"(: the format is "octet model 9", which a newer Octet wrote; this one knows )" +
                R"("octet model 1" at most: update Octet to read the file)");
}

TEST(NewerFiles, ConfigurationsAndRecordsAreRefused) {
  const std::string config = test::with(contents(earlier_file("quant_config.json")), "\"version\":1", "\"version\":99");
  EXPECT_EQ(
      error_text([&] { parse_quant_retrain_config(config, "c.json", {}); }),
      "c.json:2:15: version: is 99, which a newer Octet wrote; this one knows 1 at most: update Octet to read the "
      "file");
  const std::string record = contents(earlier_file("record.txt"));
  EXPECT_EQ(error_text([&] { parse_record_text("# octet record 99\n" + record, "r.txt", {}); }),
            R"(r.txt: the format is "octet record 99", which a newer Octet wrote; this one knows "octet record 1" at )"
            R"(most: update Octet to read the file)");
}

TEST(NewerFiles, LogsAreRefused) {
  const RunDirectory directory = directory_with({{"float_checkpoint.safetensors", "checkpoint.safetensors"}});
  write_file_atomically(directory.log(), "{\"event\": \"log\", \"format\": \"octet log 99\"}\n");
  Observer quiet;
  for (const std::string& error :
       {error_text([&] { read_training_curve(directory.log()); }), error_text([&] {
          train(test::tiny_experiment(), quiet,
                {.run_directory = directory.root, .resume = true, .allow_other_machine = true});
        })}) {
    EXPECT_THAT(error, HasSubstr(directory.log().string()));
    EXPECT_THAT(error, HasSubstr(kRemedy));
  }
}

TEST(NewerFiles, ExperimentsAndManifestsAreRefused) {
  Document experiment = parse_json(contents(earlier_file("float_experiment.json")), "e.json");
  experiment.add("format", "octet experiment 99");
  experiment.add("a key of tomorrow", 1);
  EXPECT_THAT(error_text([&] { parse_experiment(experiment, model_names()); }), HasSubstr(kRemedy));
  const RunDirectory directory = directory_with({});
  write_file_atomically(directory.manifest(),
                        test::with(contents(earlier_file("float_manifest.json")), "manifest 1", "manifest 99"));
  const std::string error = error_text([&] { read_manifest(directory); });
  EXPECT_THAT(error, HasSubstr(directory.manifest().string()));
  EXPECT_THAT(error, HasSubstr(kRemedy));
}

// ---- a checkpoint of other numerics ---------------------------------------------------------------------------------

TEST(OtherNumerics, ARunDoesNotGoOnUnderThemAndBeginsAnewAsItsErrorSays) {
  const RunDirectory directory = directory_with({{"float_experiment.json", "experiment.json"}});
  copy_with_metadata(earlier_file("float_checkpoint.safetensors"), directory.checkpoint(), "numerics", "2");
  const auto run = [&](const fs::path& into, bool resume) {
    Observer quiet;
    return train(read_experiment(directory.experiment()), quiet,
                 {.run_directory = into, .resume = resume, .allow_other_machine = true});
  };
  EXPECT_EQ(error_text([&] { run(directory.root, true); }),
            directory.checkpoint().string() +
                ": the run computes under numerics 2; this Octet, under 1, would end it with other bits: finish it "
                "with the release that wrote the checkpoint, or begin it anew: octet train \"" +
                directory.experiment().string() + "\"");
  EXPECT_TRUE(run(directory.root / "anew", false).complete);

  copy_with_metadata(earlier_file("float_checkpoint.safetensors"), directory.checkpoint(), "numerics", "1");
  EXPECT_TRUE(run(directory.root, true).complete);
}

}  // namespace
}  // namespace octet
