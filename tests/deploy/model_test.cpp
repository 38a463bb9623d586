// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "octet/base/rng.h"
#include "octet/graph/onnx_writer.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "support/error_text.h"
#include "support/golden_json.h"
#include "support/graph_builder.h"
#include "support/random_graph.h"

namespace octet::deploy {
namespace {

using test::error_text;
using test::GraphBuilder;
using List = std::vector<std::int64_t>;

std::vector<float> pattern(std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(static_cast<double>(i * 37 % 256) / 255));
  return values;
}

class PeerModels : public testing::TestWithParam<const char*> {};

TEST_P(PeerModels, GiveOnnxRuntimesOutputsWithinOneStep) {
  const std::string name = std::string("onnx/resnet20_ort_qdq_") + GetParam();
  const auto expected = test::load_golden(name + ".json");
  const Model model = Model::load(std::string(OCTET_TEST_DATA) + '/' + name + ".onnx");
  EXPECT_EQ(model.input_shape(), (Shape{-1, 3, 32, 32}));
  EXPECT_EQ(model.output_shape(), (Shape{-1, 10}));
  const std::vector<float> y = model.run(pattern(4 * 3 * 32 * 32), 4);
  const auto output = expected.at("output").get<std::vector<float>>();
  ASSERT_EQ(y.size(), output.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    EXPECT_LE(std::fabs(y[i] - output[i]), 1.001F * expected.at("step").get<float>()) << i;
}

INSTANTIATE_TEST_SUITE_P(Quantizers, PeerModels, testing::Values("u8s8", "s8s8"));

Model peer() { return Model::load(std::string(OCTET_TEST_DATA) + "/onnx/resnet20_ort_qdq_u8s8.onnx"); }

TEST(Model, GivesOneBitPatternToManyThreadsAndBatches) {
  const Model model = peer();
  const std::vector<float> input = pattern(6 * 3 * 32 * 32), expected = model.run(input, 6);
  const std::size_t image = input.size() / 6;
  std::vector<std::thread> threads;
  std::atomic<int> different{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const auto batch = static_cast<std::size_t>(t % 3 + 1);
        const std::vector<float> y = model.run({input.data() + image, batch * image}, static_cast<std::int64_t>(batch));
        different += !std::equal(y.begin(), y.end(), expected.begin() + 10);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(different, 0);
}

// With one thread: how many units of work overlap on more, each with memory of its own, is chance.
TEST(Model, AsksTheSystemForNoMemoryOnceWarm) {
  const int threads = kernels::num_threads();
  kernels::set_num_threads(1);
  const Model model = peer();
  const std::vector<float> input = pattern(2 * 3 * 32 * 32);
  std::vector<float> output(20);
  for (int i = 0; i < 3; ++i) model.run(input, 2, output);
  const std::int64_t before = kernels::memory_statistics().system_allocations;
  for (int i = 0; i < 10; ++i) model.run(input, 2, output);
  EXPECT_EQ(kernels::memory_statistics().system_allocations, before);
  kernels::set_num_threads(threads);
}

TEST(Model, PlansForManyBatchSizesOnceAndWithoutTheWeights) {
  const Model model = peer();
  const std::vector<float> input = pattern(20 * 3 * 32 * 32), expected = model.run(input, 20);
  std::vector<float> output;
  for (int round = 0; round < 2; ++round)
    for (std::int64_t batch = 1; batch <= 20; ++batch) {
      output.resize(static_cast<std::size_t>(10 * batch));
      model.run({input.data(), static_cast<std::size_t>(batch * 3072)}, batch, output);
      EXPECT_TRUE(std::equal(output.begin(), output.end(), expected.begin())) << batch;
    }
  // Plans hold neither weights, of which there are 0.3 MB, nor arenas. oneDNN's primitives keep scratchpads.
  EXPECT_LT(kernels::memory_statistics().live_bytes, 2 << 20);
}

TEST(Model, SaysWhatARunTakesWithoutTakingIt) {
  const Model model = peer();
  const std::int64_t before = kernels::memory_statistics().system_allocations;
  EXPECT_GT(model.run_bytes(1), (3072 + 10) * 4);
  EXPECT_GT(model.run_bytes(1000), 1000 * model.run_bytes(1) * 9 / 10);
  EXPECT_LT(model.run_bytes(1000), 1100 * model.run_bytes(1));
  EXPECT_EQ(kernels::memory_statistics().system_allocations, before);
}

TEST(Model, NamesInputsThatDoNotFit) {
  const Model model = peer();
  const std::string path = std::string(OCTET_TEST_DATA) + "/onnx/resnet20_ort_qdq_u8s8.onnx";
  EXPECT_EQ(error_text([&] { model.run(pattern(7), 1); }),
            path + ": the input must have 3072 values for each of 1 input, has 7");
  EXPECT_EQ(error_text([&] { model.run(pattern(7), 0); }), path + ": the batch must be at least 1, is 0");
  std::vector<float> input = pattern(3072);
  input[5] = NAN;
  EXPECT_EQ(error_text([&] { model.run(input, 1); }),
            path + ".x_QuantizeLinear: a value that is to be quantized is not finite");
}

TEST(Model, ProfilesEveryStep) {
  const Model model = peer();
  const std::vector<LayerTime> layers = model.profile(pattern(3072), 1, 3);
  double operations = 0.0;
  for (const LayerTime& layer : layers) operations += layer.giga_operations;
  EXPECT_NEAR(operations, 0.0816, 0.001);
  EXPECT_EQ(layers[3].name, "/layers/layers.0/conv2/Conv");
  EXPECT_EQ(layers[3].operation, "conv2d + quantize + add + quantize");
}

std::string error_of(const Graph& graph) {
  return error_text([&] { Model::parse(write_onnx(graph), "m.onnx"); });
}

TEST(Model, RefusesNetworksWithSeveralOutputs) {
  GraphBuilder b;
  const int x = b.input("x", {-1, 4});
  EXPECT_EQ(error_of(b.finish({b.node("relu", {x}, {}), b.node("relu", {x}, {})})),
            "m.onnx: the model must have one input and one output, has 1 and 2");
}

TEST(Model, RefusesImagesOfUnknownSize) {
  GraphBuilder b;
  const int x = b.input("x", {-1, 3, -1, 8});
  EXPECT_EQ(error_of(b.finish({b.node("relu", {x}, {})})),
            "m.onnx: all sizes of the input but the batch must be known, they are [-1, 3, -1, 8]");
}

TEST(Model, RefusesQuantizationItCannotMean) {
  const auto quantized = [](auto scale, Shape scales, auto zero_point) {
    GraphBuilder b;
    const int x = b.input("x", {-1, 2});
    const int s = b.constant(scales, scale), z = b.constant(scales, zero_point);
    const int q = b.node("quantize", {x, s, z}, {{"axis", std::int64_t{1}}});
    return b.finish({b.node("dequantize", {q, s, z}, {{"axis", std::int64_t{1}}})});
  };
  using Floats = std::vector<float>;
  EXPECT_EQ(error_of(quantized(Floats{1, 2}, {2}, std::vector<std::int8_t>{0, 0})),
            "m.onnx.quantize_0 (quantize): activations quantized per channel are not supported");
  EXPECT_EQ(error_of(quantized(Floats{-1}, {}, std::vector<std::int8_t>{0})),
            "m.onnx.quantize_0 (quantize): the scale must be finite and positive, is -1");
  EXPECT_EQ(error_of(quantized(Floats{1}, {}, std::vector<std::int32_t>{0})),
            "m.onnx.quantize_0 (quantize): activations must be int8 or uint8");
}

// What follows can hide such a value: here everything that is not finite becomes 6.
TEST(Model, RefusesConstantsThatAreNotFinite) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  using Floats = std::vector<float>;
  const auto layer = [](Floats weight, Floats bias) {
    GraphBuilder b;
    const int y = b.node("linear", {b.input("x", {-1, 2}), b.constant({1, 2}, weight), b.constant({1}, bias)}, {});
    return b.finish({b.node("relu6", {y}, {})});
  };
  EXPECT_EQ(error_of(layer({1, kInf}, {0})), "m.onnx.linear_0 (linear): \"constant_0\": value 1 of 2 is not finite");
  EXPECT_EQ(error_of(layer({1, 2}, {NAN})), "m.onnx.linear_0 (linear): \"constant_1\": value 0 of 1 is not finite");
  const auto norm = [](float variance) {
    GraphBuilder b;
    std::vector<int> inputs = {b.input("x", {-1, 1, 2, 2})};
    for (const float v : {1.0F, 0.0F, 0.0F, variance}) inputs.push_back(b.constant({1}, Floats{v}));
    return b.finish({b.node("batch_norm", inputs, {})});
  };
  EXPECT_EQ(error_of(norm(kInf)), "m.onnx.batch_norm_0 (batch_norm): \"constant_3\": value 0 of 1 is not finite");
  EXPECT_EQ(error_of(norm(-1)),
            "m.onnx.batch_norm_0 (batch_norm): channel 0 has the variance -1 and the weight 1, whose quotient is not "
            "finite");
}

TEST(Model, TakesTheBiasOfAnAddition) {
  GraphBuilder b;
  const int x = b.input("x", {-1, 2});
  const int w = b.constant({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const int y = b.node("linear", {x, w}, {{"transposed_weight", true}});
  const Graph graph = b.finish({b.node("add", {b.constant({3}, std::vector<float>{10, 20, 30}), y}, {})});
  const Model model = Model::parse(write_onnx(graph), "m.onnx");
  EXPECT_EQ(model.run(std::vector<float>{1, 1, 2, 0}, 2), (std::vector<float>{15, 27, 39, 12, 24, 36}));
}

TEST(Model, CarriesMetadata) {
  GraphBuilder b;
  Graph graph = b.finish({b.node("relu", {b.input("x", {-1, 2})}, {})});
  graph.metadata["experiment"] = "{}";
  EXPECT_EQ(Model::parse(write_onnx(graph), "m.onnx").metadata().at("experiment"), "{}");
}

TEST(Model, AnswersDamagedFilesWithAnErrorOrAModel) {
  const std::string bytes = write_onnx(test::random_graph(7, 1));
  Rng rng(5);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = bytes;
    const auto at = rng.below(static_cast<std::uint32_t>(bytes.size()));
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << rng.below(8)));
    error_text([&] { Model::parse(damaged, "m.onnx"); });
  }
}

}  // namespace
}  // namespace octet::deploy
