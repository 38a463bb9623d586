// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/execution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/trace.h"
#include "octet/base/rng.h"
#include "octet/graph/operator.h"
#include "support/error_text.h"

namespace octet {
namespace {

Tensor random_tensor(const Shape& shape, Layout layout, Rng& rng) {
  Tensor t = Tensor::empty(shape, layout);
  for (float& value : t.mutable_values()) value = rng.uniform(-1.0F, 1.0F);
  return t;
}

// Runs every op that has an execution on tensors at least once.
Tensor all_ops(const Tensor& x, const std::vector<Tensor>& p) {
  Tensor y = conv2d(x, p[0], p[1], {.stride = {2, 1}, .padding = 1, .groups = 2, .end_padding = Size2(2, 0)});
  y = relu(batch_norm(y, p[1], p[1], p[1], p[2], {.eps = 1e-3F}));
  y = max_pool2d(y, {.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true});
  y = conv_transpose2d(y, p[3], {}, {.stride = 2, .padding = 1, .output_padding = 1});
  y = leaky_relu(avg_pool2d(y, {.kernel_size = 2, .stride = 1, .padding = 1, .count_include_pad = false}), 0.2F);
  y = cat(std::vector<Tensor>{hardswish(y), silu(y), relu6(clip(y, -1.0F, 7.0F))}, -3);
  y = pad2d(y, {1, 2}, PaddingMode::kReflect);
  y = adaptive_avg_pool2d(y, {2, 3}) * sigmoid(adaptive_avg_pool2d(y, {2, 3}));
  y = log_softmax(softmax(reshape(flatten(tanh(y)), {-1, 9}), 1));
  y = linear(y, p[4], p[5]);
  const Tensor a = mean(y) + sum(y), b = mse_loss(y, relu(y));
  return a - b;
}

TEST(Execution, OfATraceGivesTheBitsOfTheOps) {
  Rng rng(1);
  const Tensor x = random_tensor({2, 4, 9, 8}, Layout::kChannelsLast, rng);
  std::vector<Tensor> p{random_tensor({6, 2, 3, 3}, Layout::kRowMajor, rng),
                        random_tensor({6}, Layout::kRowMajor, rng),
                        Tensor::full({6}, 0.5F),
                        random_tensor({6, 2, 3, 3}, Layout::kRowMajor, rng),
                        random_tensor({5, 9}, Layout::kRowMajor, rng),
                        random_tensor({5}, Layout::kRowMajor, rng)};
  std::vector<std::pair<std::string, Tensor>> named;
  for (std::size_t i = 0; i < p.size(); ++i) named.emplace_back("p" + std::to_string(i), p[i]);

  Graph graph;
  Tensor expected;
  {
    TraceRecorder recorder({&x, 1}, named);
    expected = all_ops(x, p);
    graph = recorder.finish({&expected, 1});
  }
  std::set<std::string> run;
  std::vector<Tensor> values(graph.values.size());
  values[static_cast<std::size_t>(graph.inputs[0])] = x;
  for (std::size_t v = 0; v < values.size(); ++v)
    for (const auto& [name, tensor] : named)
      if (graph.values[v].name == name) values[v] = tensor;
  for (const Node& node : graph.nodes) {
    std::vector<Tensor> inputs;
    for (const int input : node.inputs)
      inputs.push_back(input < 0 ? Tensor() : values[static_cast<std::size_t>(input)]);
    Tensor y = execute(node.op, inputs, node.attributes);
    EXPECT_EQ(y.shape(), graph.values[static_cast<std::size_t>(node.output)].shape) << node.op;
    values[static_cast<std::size_t>(node.output)] = y;
    run.insert(node.op);
  }
  EXPECT_EQ(values[static_cast<std::size_t>(graph.outputs[0])].item(), expected.item());
  for (const Operator* const op : all_operators())
    EXPECT_EQ(run.contains(op->name) || op->function, !op->no_tensors) << op->name;
}

TEST(Execution, OfAFunctionTakesItsOptionFromItsAttribute) {
  Rng rng(2);
  const Tensor x = random_tensor({40}, Layout::kRowMajor, rng);
  for (const Operator* const op : all_operators()) {
    if (!op->function) continue;
    const Tensor expected = apply_function(*op->function, x, function_option(*op, {}));
    EXPECT_EQ(execute(op->name, {&x, 1}).to_vector(), expected.to_vector()) << op->name;
  }
  EXPECT_EQ(execute("leaky_relu", {&x, 1}, {{"negative_slope", 0.25}}).to_vector(), leaky_relu(x, 0.25F).to_vector());
}

TEST(Execution, NamesWhatIsWrong) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_EQ(test::error_text([&] {
              execute("relu66", {&x, 1});
            }),
            "there is no op \"relu66\"; did you mean \"relu6\"?");
  EXPECT_EQ(test::error_text([&] { execute("add", {&x, 1}); }), "add: has 1 inputs, expected 2 to 2");
  EXPECT_EQ(test::error_text([&] {
              execute("relu", {&x, 1}, {{"slope", 1.0}});
            }),
            "relu: there is no option \"slope\"");
  EXPECT_EQ(test::error_text([&] {
              execute("softmax", {&x, 1}, {{"dim", 1.0}});
            }),
            "softmax: attribute dim has the wrong type");
  EXPECT_EQ(test::error_text([&] {
              execute("identity", {&x, 1});
            }),
            "identity: does not run on tensors: leaves no node");
}

}  // namespace
}  // namespace octet
