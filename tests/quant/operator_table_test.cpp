// SPDX-License-Identifier: Apache-2.0
// The operator table against what executes its rows.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "octet/autograd/execution.h"
#include "octet/base/rng.h"
#include "octet/deploy/executable.h"
#include "octet/deploy/model.h"
#include "octet/graph/onnx_writer.h"
#include "octet/graph/operator.h"

namespace octet {
namespace {

TEST(OperatorTable, HasAnExecutionForEachRowOrSaysWhyNot) {
  for (const Operator* const op : all_operators()) {
    EXPECT_EQ(!runs_on_tensors(op->name), op->no_tensors != nullptr) << op->name;
    EXPECT_EQ(!deploy::is_executable(op->name), op->not_deployed != nullptr) << op->name;
  }
}

TEST(OperatorTable, HasOneRowPerNameAndOneRowPerFormOfOnnx) {
  std::set<std::string> names;
  std::set<std::pair<std::string, std::int64_t>> forms;
  for (const Operator* const op : all_operators()) {
    EXPECT_TRUE(names.insert(op->name).second) << op->name;
    for (const OnnxForm& form : op->read_from) EXPECT_TRUE(forms.emplace(form.name, form.since).second) << form.name;
    EXPECT_LE(op->least_inputs, op->most_inputs) << op->name;
    EXPECT_NE(op->shapes, nullptr) << op->name;
    EXPECT_NE(op->defaults, nullptr) << op->name;
  }
}

// Each function of one value that is deployed goes the whole way: written, read, planned, run.
TEST(OperatorTable, DeploysFunctionsWithTheBitsOfTheirTensors) {
  Rng rng(1);
  Tensor x = Tensor::empty({2, 3, 4, 5});
  for (float& value : x.mutable_values()) value = rng.uniform(-8.0F, 8.0F);
  int deployed = 0;
  for (const Operator* const op : all_operators()) {
    if (!op->function || op->not_deployed) continue;
    Graph graph;
    graph.values = {{Value::Kind::kInput, "x", {-1, 3, 4, 5}, -1}, {Value::Kind::kResult, "y", {-1, 3, 4, 5}, 0}};
    graph.nodes = {{op->name, "", 0, {0}, 1, op->defaults()}};
    graph.inputs = {0};
    graph.outputs = {1};
    const deploy::Model model = deploy::Model::parse(write_onnx(graph), op->name);
    EXPECT_EQ(model.run(x.to_nchw(), 2), execute(op->name, {&x, 1}).to_nchw()) << op->name;
    ++deployed;
  }
  EXPECT_GE(deployed, 2);
}

}  // namespace
}  // namespace octet
