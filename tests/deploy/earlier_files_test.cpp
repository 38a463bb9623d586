// SPDX-License-Identifier: Apache-2.0
// The deployed files of each release give the same integers for ever: those written here, on every machine.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "octet/base/sha256.h"
#include "octet/deploy/model.h"
#include "octet/graph/infer_shapes.h"
#include "octet/graph/onnx_reader.h"
#include "support/error_text.h"
#include "support/exactness.h"

namespace octet {
namespace {

constexpr std::int64_t kImages = 4;
const std::string kFolder = std::string(OCTET_TEST_DATA) + "/compat/0.1/";

/// Images of whole sixteenths, from -2 to 2.
std::vector<float> images() {
  std::vector<float> values;
  for (int i = 0; i < kImages * 8 * 8; ++i) values.push_back(static_cast<float>(i * 37 % 65 - 32) / 16);
  return values;
}

Graph deployed() {
  Graph graph = read_onnx_file(kFolder + "deploy_model.onnx");
  const Shape input{kImages, 1, 8, 8};
  infer_shapes(graph, std::span(&input, 1));
  return graph;
}

TEST(EarlierFiles, DeployedOnesGiveTheSameBits) {
  const std::vector<float> logits = deploy::Model::load(kFolder + "deploy_model.onnx").run(images(), kImages);
  std::vector<std::uint32_t> bits;
  for (const float logit : logits) bits.push_back(std::bit_cast<std::uint32_t>(logit));
  const std::vector<std::uint32_t> expected = {1063004041, 1024721091, 1037526820, 3199979491, 1033263217, 1042763083,
                                               1051893984, 1061239896, 1055034989, 3172902547, 1059460924, 1044115085};
  EXPECT_EQ(bits, expected);
}

TEST(EarlierFiles, DeployedOnesHaveTheSameIntegersInEveryLayer) {
  const test::Int8Oracle oracle(deployed());
  Sha256 hash;
  const std::vector<test::OracleTensor> tensors = oracle.run(images());
  const std::vector<int> compared = test::compared_values(oracle.graph());
  for (const int value : compared)
    hash.update(std::as_bytes(std::span(tensors[static_cast<std::size_t>(value)].integers)));
  EXPECT_EQ(compared.size(), 9U);
  EXPECT_EQ(hash.hex_digest(), "fdbd4e2dc3cfa8c487ca5dcca21f4e00e317af48ac8eb6e6cacd20244dc6e4fb");

  std::vector<std::vector<int>> each;
  for (const int value : compared) each.push_back({value});
  test::ExactnessCounts counts;
  test::compare("deploy_model.onnx", observe(oracle, images()),
                test::DeployedNetwork(oracle.graph(), each).observe(images(), kImages), counts);
  EXPECT_EQ(counts.differences, 0) << counts.first_difference;
}

/// The nodes of AMCT are written for its tools; octet::deploy runs QDQ files.
TEST(EarlierFiles, TheReferencesFormatIsRefusedByNode) {
  const std::string file = kFolder + "ascend_deploy_model.onnx";
  EXPECT_EQ(test::error_text([&] { deploy::Model::load(file); }),
            file + ": node 0 (AscendQuant conv1.quant): operator AscendQuant is not supported");
}

}  // namespace
}  // namespace octet
