// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/network.h"

#include <gtest/gtest.h>

#include "octet/base/file.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/train.h"
#include "octet/experiment/run/weights_hash.h"
#include "octet/quant/qat_layers.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::error_text;
using test::fresh_path;
using test::tiny_experiment;
using test::tiny_retraining;

const Shape kInput = {1, 8, 8};

class NetworkTest : public testing::Test {
 protected:
  NetworkTest() : run_{fresh_path("float")} {
    Observer quiet;
    train(tiny_experiment({{"max_steps", "4"}}), quiet, {.run_directory = run_.root});
  }
  detail::Network first(const std::vector<Override>& overrides = {}) const {
    return detail::first_network(tiny_retraining(run_.root, overrides), kInput);
  }
  static const QatModule* quantized(const detail::Network& network, const char* layer) {
    return dynamic_cast<const QatModule*>(&network.module->at(layer));
  }

  RunDirectory run_;
};

TEST_F(NetworkTest, OfAFloatExperimentHasItsInitialWeights) {
  const detail::Network network = detail::first_network(tiny_experiment(), kInput);
  EXPECT_TRUE(network.quant_config.empty());
  EXPECT_EQ(detail::steps_of_search(*network.module), 0);
  EXPECT_EQ(weights_hash(*network.module),
            weights_hash(*detail::network_of_make(tiny_experiment(), kInput, "", "here").module));
}

TEST_F(NetworkTest, IsTheTrainedOneQuantized) {
  const detail::Network network = first();
  EXPECT_TRUE(network.module->training());
  ASSERT_NE(quantized(network, "fc"), nullptr);
  const auto trained = detail::float_network(tiny_retraining(run_.root));
  EXPECT_FALSE(trained->training());
  const auto weight = [](Module& module) { return module.at("fc").own_parameters()[0].tensor.to_vector(); };
  EXPECT_EQ(weight(*network.module), weight(*trained));
  EXPECT_NE(network.quant_config.find("\"fc\""), std::string::npos);
  EXPECT_EQ(detail::steps_of_search(*network.module), 1);
  EXPECT_EQ(detail::steps_of_search(*first({{"quantization.definition", "{batch_num: 7}"}}).module), 7);
}

TEST_F(NetworkTest, IsQuantizedAsDefinitionOrConfigurationSay) {
  const detail::Network inline_one = first({{"quantization.definition", "{skip_layers: [fc]}"}});
  EXPECT_EQ(quantized(inline_one, "fc"), nullptr);
  const auto definition = fresh_path("quant.cfg"), config = fresh_path("quant.json");
  write_file_atomically(definition, "skip_layers: 'fc'\n");
  EXPECT_EQ(first({{"quantization.definition", definition.string()}}).quant_config, inline_one.quant_config);
  write_file_atomically(config, inline_one.quant_config);
  const detail::Network given = first({{"quantization.config", config.string()}});
  EXPECT_EQ(given.quant_config, inline_one.quant_config);
  EXPECT_EQ(quantized(given, "fc"), nullptr);
  EXPECT_NE(quantized(given, "conv1"), nullptr);
}

TEST_F(NetworkTest, IsRefusedBeforeTrainingIfItCouldNotBeDeployedUnlessToldOtherwise) {
  const Override wide = {"quantization.definition", "{retrain_data_quant_config: {ulq_quantize: {dst_type: INT16}}}"};
  const std::string error = error_text([&] { first({wide}); });
  EXPECT_EQ(error.find("create_quant_retrain_model: the model can be trained, but not deployed:\n"
                       "  conv1 (conv2d): activations of 16 bits cannot be deployed, only of 8\n"),
            0U)
      << error;
  EXPECT_NE(error.find("\n  fc (linear): activations of 16 bits"), std::string::npos) << error;
  const detail::Network network = first({wide, {"quantization.deploy", "false"}});
  ASSERT_NE(quantized(network, "fc"), nullptr);
  const Experiment same = tiny_retraining(run_.root, {{wide}});  // a network that was trained is not asked again
  EXPECT_NE(detail::network_of_make(same, kInput, network.quant_config, "here").module, nullptr);

  const auto after = fresh_path("retrained");
  Observer quiet;
  EXPECT_EQ(error_text([&] { train(tiny_retraining(run_.root, {{wide}}), quiet, {.run_directory = after}); }), error);
  EXPECT_FALSE(std::filesystem::exists(after / "log.jsonl"));
}

TEST_F(NetworkTest, IsNotMadeFromOneThatHasBeenQuantized) {
  const RunDirectory retrained{fresh_path("retrained")};
  Observer quiet;
  train(tiny_retraining(run_.root), quiet, {.run_directory = retrained.root});
  for (const std::string& weights : {retrained.root.string(), retrained.weights().string()})
    EXPECT_EQ(error_text([&] {
                first({{"quantization.weights", weights}});
              }),
              "quantization.weights: " + weights +
                  " is a network that has been quantized already; name the float one that it was made from");
}

TEST_F(NetworkTest, TellsWhereAMistakeStands) {
  EXPECT_EQ(error_text([&] {
              first({{"quantization.definition", "{skip_layers: [fd]}"}});
            }),
            "--set quantization.definition: skip_layers: there is no layer \"fd\" that can be quantized; did you mean "
            "\"fc\"?");
  const std::string missing = fresh_path("none").string();
  EXPECT_EQ(error_text([&] {
              first({{"quantization.weights", missing}});
            }),
            "quantization.weights: there is no " + missing +
                "; train the float network first, or say where it is: --set quantization.weights=PATH");
  EXPECT_EQ(error_text([&] { detail::network_of_make(tiny_retraining(run_.root), kInput, "", "w.safetensors"); }),
            "w.safetensors: its header has no \"quant_config\", as those of quantized networks do");
}

}  // namespace
}  // namespace octet
