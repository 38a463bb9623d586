// SPDX-License-Identifier: Apache-2.0
#include "support/exactness.h"

#include <cstring>

#include "octet/base/error.h"
#include "octet/deploy/model.h"
#include "octet/graph/onnx_writer.h"
#include "support/int8_oracle.h"
#include "support/random_graph.h"

namespace octet::test {
namespace {

// The part of the graph that its output needs.
Graph cut_at(const Graph& graph, int output) {
  Graph cut = graph;
  cut.outputs = {output};
  std::vector<bool> needed(graph.values.size(), false);
  needed[static_cast<std::size_t>(output)] = true;
  cut.nodes.clear();
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (!needed[static_cast<std::size_t>(node.output)]) continue;
    for (const int input : node.inputs)
      if (input >= 0) needed[static_cast<std::size_t>(input)] = true;
    cut.nodes.insert(cut.nodes.begin(), node);
  }
  cut.values[static_cast<std::size_t>(cut.inputs[0])].shape[0] = -1;
  return cut;
}

}  // namespace

void compare_values(const std::string& name, const std::vector<float>& expected, const std::vector<float>& got,
                    ExactnessCounts& counts) {
  ++counts.tensors;
  counts.values += static_cast<std::int64_t>(expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (i < got.size() && std::memcmp(&got[i], &expected[i], sizeof(float)) == 0) continue;
    if (counts.differences++ == 0)
      counts.first_difference =
          text(name, ", value ", i, ": expected ", expected[i], ", got ", i < got.size() ? got[i] : 0.0F);
  }
}

void compare_network(const std::string& name, const Graph& graph, const std::vector<float>& input, std::int64_t batch,
                     ExactnessCounts& counts) {
  const std::vector<OracleTensor> oracle = run_oracle(graph, input);
  ++counts.networks;
  for (const Node& node : graph.nodes) {
    const bool is_output = node.output == graph.outputs[0];
    const OracleTensor& tensor = oracle[static_cast<std::size_t>(node.output)];
    if (!is_output && (node.op != "dequantize" || tensor.values.empty())) continue;
    const std::string what = text(name, ", ", graph.values[static_cast<std::size_t>(node.output)].name);
    const deploy::Model model = deploy::Model::parse(write_onnx(cut_at(graph, node.output)), what);
    compare_values(what, tensor.values, model.run(input, batch), counts);
  }
}

void compare_random_network(std::uint64_t seed, std::int64_t batch, ExactnessCounts& counts) {
  const Graph graph = random_graph(seed, batch);
  compare_network(text("network ", seed), graph, random_input(graph, seed), batch, counts);
}

}  // namespace octet::test
