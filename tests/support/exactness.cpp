// SPDX-License-Identifier: Apache-2.0
#include "support/exactness.h"

#include <algorithm>
#include <cstring>

#include "octet/base/error.h"
#include "octet/graph/onnx_writer.h"
#include "support/random_graph.h"

namespace octet::test {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

const Shape& input_shape(const Graph& graph) { return graph.values[at(graph.inputs[0])].shape; }

std::int64_t image_size(const Shape& batch) { return element_count(batch) / batch[0]; }

// All of `values`, flattened, as rows of one matrix.
int join(Graph& graph, const std::vector<int>& values) {
  const auto add_node = [&](const char* op, std::vector<int> inputs, std::int64_t width, Attributes attributes) {
    const int output = static_cast<int>(graph.values.size());
    graph.values.push_back({Value::Kind::kResult,
                            text("joined.", output),
                            {input_shape(graph)[0], width},
                            static_cast<int>(graph.nodes.size())});
    graph.nodes.push_back({op, "", 0, std::move(inputs), output, std::move(attributes)});
    return output;
  };
  std::vector<int> rows;
  std::int64_t width = 0;
  for (const int value : values) {
    const std::int64_t size = image_size(graph.values[at(value)].shape);
    rows.push_back(add_node("flatten", {value}, size, {{"start_dim", std::int64_t{1}}, {"end_dim", std::int64_t{-1}}}));
    width += size;
  }
  return add_node("cat", std::move(rows), width, {{"dim", std::int64_t{1}}});
}

// The part of the graph that `values` need, for any batch.
Graph ending_in(Graph graph, const std::vector<int>& values) {
  graph.outputs = {values.size() == 1 ? values[0] : join(graph, values)};
  std::vector<bool> needed(graph.values.size(), false);
  needed[at(graph.outputs[0])] = true;
  std::vector<Node> nodes;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (!needed[at(node.output)]) continue;
    for (const int input : node.inputs)
      if (input >= 0) needed[at(input)] = true;
    nodes.push_back(node);
  }
  graph.nodes.assign(nodes.rbegin(), nodes.rend());
  graph.values[at(graph.inputs[0])].shape[0] = -1;
  return graph;
}

}  // namespace

std::vector<int> compared_values(const Graph& graph) {
  std::vector<int> values;
  for (const Node& node : graph.nodes)
    if (node.op == "dequantize" && !graph.values[at(node.inputs[0])].data && node.output != graph.outputs[0])
      values.push_back(node.output);
  values.push_back(graph.outputs[0]);
  return values;
}

Observations observe(const Int8Oracle& oracle, std::span<const float> input) {
  const Graph& graph = oracle.graph();
  const Shape& shape = input_shape(graph);
  return in_batches(input, image_size(shape), shape[0], [&](std::span<const float> images, std::int64_t) {
    std::vector<OracleTensor> tensors = oracle.run(images);
    Observations seen;
    for (const int value : compared_values(graph))
      seen.push_back({graph.values[at(value)].name, std::move(tensors[at(value)].values)});
    return seen;
  });
}

DeployedNetwork::DeployedNetwork(const Graph& graph, const std::vector<std::vector<int>>& groups)
    : image_size_(image_size(input_shape(graph))) {
  for (const std::vector<int>& group : groups) {
    auto& tensors = tensors_.emplace_back();
    for (const int value : group)
      tensors.emplace_back(graph.values[at(value)].name, image_size(graph.values[at(value)].shape));
    models_.push_back(deploy::Model::parse(write_onnx(ending_in(graph, group)), tensors.back().first));
  }
}

Observations DeployedNetwork::observe(std::span<const float> input, std::int64_t batch) const {
  return in_batches(input, image_size_, batch, [&](std::span<const float> images, std::int64_t count) {
    Observations seen;
    for (std::size_t m = 0; m < models_.size(); ++m) {
      const std::vector<float> values = models_[m].run(images, count);
      const std::size_t first = seen.size();
      for (const auto& [name, size] : tensors_[m]) seen.push_back({name, {}});
      for (auto from = values.begin(); from != values.end();)
        for (std::size_t t = 0; t < tensors_[m].size(); ++t) {
          const std::int64_t size = tensors_[m][t].second;
          seen[first + t].values.insert(seen[first + t].values.end(), from, from + size);
          from += size;
        }
    }
    return seen;
  });
}

void compare(const std::string& who, const Observations& expected, const Observations& got, ExactnessCounts& counts) {
  require(expected.size() == got.size(), who, ": ", got.size(), " tensors, expected ", expected.size());
  for (std::size_t t = 0; t < expected.size(); ++t) {
    const std::vector<float>&want = expected[t].values, &have = got[t].values;
    require(expected[t].name == got[t].name && want.size() == have.size(), who, ": tensor ", t, " is ", got[t].name,
            " of ", have.size(), " values, expected ", expected[t].name, " of ", want.size());
    ++counts.tensors;
    counts.values += std::ssize(want);
    if (std::memcmp(want.data(), have.data(), want.size() * sizeof(float)) == 0) continue;
    for (std::size_t i = 0; i < want.size(); ++i)
      if (std::memcmp(&want[i], &have[i], sizeof(float)) != 0 && counts.differences++ == 0)
        counts.first_difference =
            text(who, ", ", expected[t].name, ", value ", i, ": expected ", want[i], ", got ", have[i]);
  }
}

void compare_random_network(std::uint64_t seed, std::int64_t batch, ExactnessCounts& counts) {
  const Graph graph = random_graph(seed, batch);
  const std::vector<float> input = random_input(graph, seed);
  std::vector<std::vector<int>> each;
  for (const int value : compared_values(graph)) each.push_back({value});
  compare(text("random network ", seed), observe(Int8Oracle(graph), input),
          DeployedNetwork(graph, each).observe(input, batch), counts);
}

}  // namespace octet::test
