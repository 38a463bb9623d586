// SPDX-License-Identifier: Apache-2.0
// Files that are small but ask for much: what they cost is bounded, and said before it is taken.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "octet/deploy/model.h"
#include "octet/graph/onnx_writer.h"
#include "octet/kernels/core/memory.h"
#include "support/address_space_limit.h"
#include "support/error_text.h"
#include "support/graph_builder.h"

namespace octet::deploy {
namespace {

using test::error_text;
using test::GraphBuilder;
using List = std::vector<std::int64_t>;
constexpr int kMany = 100'000;  // with a square of which a test would take minutes

// A 3x3 convolution in int8 of a value that is quantized first.
int int8_conv(GraphBuilder& b, int x) {
  const int scale = b.scalar(0.1F), zero = b.scalar(std::uint8_t{3});
  const int q = b.node("quantize", {x, scale, zero}, {{"axis", std::int64_t{1}}});
  const int w =
      b.node("dequantize",
             {b.constant({1, 1, 3, 3}, std::vector<std::int8_t>(9, 1)), b.scalar(0.5F), b.scalar(std::int8_t{0})},
             {{"axis", std::int64_t{0}}});
  return b.node("conv2d", {b.node("dequantize", {q, scale, zero}, {{"axis", std::int64_t{1}}}), w},
                {{"padding", List{1, 1}}});
}

std::string network_for(Shape shape) {
  GraphBuilder b;
  return write_onnx(b.finish({int8_conv(b, b.input("x", std::move(shape)))}));
}

TEST(HostileModel, ThatDeclaresALargeImageIsRefusedBeforeMemoryIsTaken) {
  const std::int64_t before = kernels::memory_statistics().system_allocations;
  EXPECT_EQ(
      error_text([] {
        Model::parse(network_for({1, 1, 46340, 46340}), "m.onnx");
      }),
      "m.onnx.conv2d_0: a run for 1 input of [1, 1, 46340, 46340] takes 27916142848 bytes, most of them here; the "
      "limit is 4294967296");
  EXPECT_EQ(kernels::memory_statistics().system_allocations, before);
}

TEST(HostileModel, IsLoadedWithoutMemoryForItsImages) {
  const std::int64_t before = kernels::memory_statistics().system_allocations;
  const Model model = Model::parse(network_for({-1, 1, 16384, 8192}), "m.onnx");
  EXPECT_EQ(model.output_shape(), (Shape{-1, 1, 16384, 8192}));
  EXPECT_GT(model.run_bytes(2), std::int64_t{2} << 30);
  EXPECT_EQ(kernels::memory_statistics().system_allocations, before);
}

TEST(HostileModel, ThatRunsOutOfMemoryIsNamedWithItsLayer) {
  constexpr std::int64_t kSize = 2048, kLimit = std::int64_t{150} << 20;
  GraphBuilder b;
  const int x = b.input("x", {-1, 1, kSize, kSize});  // 16 MB
  const int w = b.constant({64, 1, 1, 1}, std::vector<float>(64, 1.0F));
  const int last = b.constant({1, 64, 1, 1}, std::vector<float>(64, 1.0F));
  const Model model =
      Model::parse(write_onnx(b.finish({b.node("conv2d", {b.node("conv2d", {x, w}, {}), last}, {})})), "m.onnx");
  const std::vector<float> image(kSize * kSize);
  std::vector<float> y(image.size());
  kernels::release_cached_memory();
  const test::AddressSpaceLimit limit(kLimit);
  EXPECT_TRUE(error_text([&] { model.run(image, 1, y); }).starts_with("m.onnx.conv2d_0: out of memory: "));
}

TEST(HostileModel, MayAskForWhatItsUserAllows) {
  const std::string bytes = network_for({-1, 1, 64, 64});
  const std::int64_t needed = Model::parse(bytes, "m.onnx").run_bytes(1);
  EXPECT_NO_THROW(Model::parse(bytes, "m.onnx", {.run_bytes = needed}));
  EXPECT_EQ(error_text([&] { Model::parse(bytes, "m.onnx", {.run_bytes = needed - 1}); }),
            "m.onnx.conv2d_0: a run for 1 input of [-1, 1, 64, 64] takes " + std::to_string(needed) +
                " bytes, most of them here; the limit is " + std::to_string(needed - 1));
}

TEST(HostileModel, OfALongChainRuns) {
  GraphBuilder b;
  int x = b.input("x", {-1, 2});
  for (int i = 0; i < kMany; ++i) x = b.node("relu", {x}, {});
  const Model model = Model::parse(write_onnx(b.finish({x})), "m.onnx");
  EXPECT_EQ(model.run(std::vector<float>{-1, 3}), (std::vector<float>{0, 3}));
  EXPECT_LT(model.run_bytes(1), 10'000);  // the chain's tensors share memory
}

TEST(HostileModel, OfAWideGraphRuns) {
  GraphBuilder b;
  const int x = b.input("x", {-1, 1});
  std::vector<int> terms;
  for (int i = 0; i < kMany / 2; ++i) terms.push_back(b.node("relu", {x}, {}));
  int sum = terms[0];
  for (std::size_t i = 1; i < terms.size(); ++i) sum = b.node("add", {sum, terms[i]}, {});
  EXPECT_EQ(Model::parse(write_onnx(b.finish({sum})), "m.onnx").run(std::vector<float>{2}),
            (std::vector<float>{kMany}));
}

TEST(HostileModel, OfManyBiasesRuns) {
  GraphBuilder b;
  int x = b.input("x", {-1, 1});
  for (int i = 0; i < kMany / 4; ++i) {
    x = b.node("linear", {x, b.constant({1, 1}, std::vector<float>{1})}, {{"transposed_weight", true}});
    x = b.node("add", {x, b.constant({1}, std::vector<float>{1})}, {});
  }
  EXPECT_EQ(Model::parse(write_onnx(b.finish({x})), "m.onnx").run(std::vector<float>{0}),
            (std::vector<float>{kMany / 4}));
}

TEST(HostileModel, OfManyInt8LayersIsLoaded) {
  GraphBuilder b;
  int x = b.input("x", {-1, 1, 4, 4});
  for (int i = 0; i < kMany / 5; ++i) x = b.node("max_pool2d", {int8_conv(b, x)}, {{"kernel_size", List{1, 1}}});
  EXPECT_EQ(Model::parse(write_onnx(b.finish({x})), "m.onnx").output_shape(), (Shape{-1, 1, 4, 4}));
}

TEST(HostileModel, WhoseLayersReadOneLargeConstantIsRefused) {
  constexpr std::int64_t kChannels = 1 << 20;
  GraphBuilder b;
  const int x = b.input("x", {1, kChannels});
  const int vector = b.constant({kChannels}, std::vector<float>(kChannels, 1.0F));
  int y = x;
  for (int i = 0; i < 100; ++i) y = b.node("batch_norm", {y, vector, vector, vector, vector}, {{"eps", 1e-5}});
  EXPECT_EQ(error_text([&] { Model::parse(write_onnx(b.finish({y})), "m.onnx"); }),
            "m.onnx.batch_norm_85 (batch_norm): what is made of constants up to here takes 1082130432 bytes, more than "
            "1073741824");
}

TEST(HostileModel, WithVeryManyWindowsIsRefused) {
  GraphBuilder b;
  const int y =
      b.node("avg_pool2d", {b.input("x", {1, 1, 1 << 25, 1})}, {{"kernel_size", List{1, 1}}, {"stride", List{1, 1}}});
  EXPECT_EQ(error_text([&] { Model::parse(write_onnx(b.finish({y})), "m.onnx"); }),
            "m.onnx.avg_pool2d_0 (avg_pool2d): avg_pool2d: averages in 33554432 rows or columns are not supported "
            "(1048576 are)");
}

}  // namespace
}  // namespace octet::deploy
