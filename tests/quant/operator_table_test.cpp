// SPDX-License-Identifier: Apache-2.0
// The operator table against what executes its rows.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "octet/autograd/execution.h"
#include "octet/deploy/executable.h"
#include "octet/graph/operator.h"

namespace octet {
namespace {

TEST(OperatorTable, HasAnExecutionForEachRowOrSaysWhyNot) {
  for (const Operator* const op : all_operators()) {
    EXPECT_EQ(find_tensor_execution(op->name) == nullptr, op->no_tensors != nullptr) << op->name;
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

}  // namespace
}  // namespace octet
