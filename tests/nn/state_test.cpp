// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "octet/base/file.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/nn/safetensors.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::same_bits;
using testing::ElementsAre;

std::string temporary(const std::string& name) { return testing::TempDir() + name; }

std::unique_ptr<Module> make_net(std::uint64_t seed, std::int64_t num_classes = 10) {
  Rng rng(seed);
  return make_model("resnet8", {.in_channels = 1, .num_classes = num_classes}, rng);
}

bool same_state(Module& a, Module& b) {
  const auto u = named_state(a), v = named_state(b);
  if (u.size() != v.size()) return false;
  for (std::size_t i = 0; i < u.size(); ++i)
    if (u[i].name != v[i].name || !same_bits(u[i].tensor, v[i].tensor) ||
        (u[i].counter && *u[i].counter != *v[i].counter))
      return false;
  return true;
}

TEST(State, WeightsAreReadBackAsTheyWereWritten) {
  const auto net = make_net(1), other = make_net(2);
  (*net)(Tensor::full({2, 1, 8, 8}, 1.0F));  // moves statistics and counters
  const std::string path = temporary("weights.safetensors");
  save_weights(*net, path, {{"epoch", "3"}});
  EXPECT_FALSE(same_state(*net, *other));
  const LoadReport report = load_weights(*other, path);
  EXPECT_TRUE(same_state(*net, *other));
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.metadata.at("epoch"), "3");
  EXPECT_EQ(report.metadata.at("octet_format"), "octet weights 1");
}

TEST(State, WeightsOfPyTorchKeepTheirNamesTypesAndValues) {
  const std::string theirs = OCTET_TEST_DATA "/resnet8_pytorch.safetensors", ours = temporary("resaved.safetensors");
  const auto net = make_net(1);
  load_weights(*net, theirs);
  save_weights(*net, ours);
  const safetensors::File a = safetensors::File::read(theirs), b = safetensors::File::read(ours);
  ASSERT_EQ(a.entries().size(), b.entries().size());
  for (const safetensors::Entry& entry : a.entries()) {
    const safetensors::Entry* const again = b.find(entry.name);
    ASSERT_NE(again, nullptr) << entry.name;
    EXPECT_EQ(again->type, entry.type) << entry.name;
    EXPECT_EQ(again->shape, entry.shape) << entry.name;
    if (entry.type == safetensors::Type::kI64) {
      EXPECT_EQ(a.integers(entry), b.integers(*again)) << entry.name;
    } else {
      EXPECT_EQ(a.floats(entry), b.floats(*again)) << entry.name;
    }
  }
}

TEST(State, StrictLoadingNamesEverythingThatDoesNotFitAndChangesNothing) {
  Rng rng(1);
  Sequential saved, wanted;
  saved.append<Linear>({.in_features = 2, .out_features = 3}, rng)
      .append<Linear>({.in_features = 3, .out_features = 4}, rng);
  wanted.append<Linear>({.in_features = 2, .out_features = 3}, rng)
      .append<Linear>({.in_features = 3, .out_features = 5, .bias = false}, rng)
      .append<BatchNorm2d>({.features = 5});
  const std::string path = temporary("other.safetensors");
  save_weights(saved, path);
  const std::unique_ptr<Module> before = wanted.clone();
  EXPECT_EQ(error_text([&] { load_weights(wanted, path); }),
            path +
                ": the file does not fit: 4 missing: 2.weight, 2.bias (the file has 1.bias), 2.running_mean, "
                "2.running_var; 1 unexpected: 1.bias; 1 mismatched: 1.weight: [5, 3] here, [4, 3] in the file");
  EXPECT_TRUE(same_state(wanted, *before));
}

TEST(State, LoadingThatIsNotStrictTakesWhatFitsAndReportsTheRest) {
  const auto saved = make_net(1), wanted = make_net(2, 3);
  const std::string path = temporary("ten_classes.safetensors");
  save_weights(*saved, path);
  const LoadReport report = load_weights(*wanted, path, {.strict = false});
  EXPECT_THAT(report.mismatched,
              ElementsAre("fc.weight: [3, 64] here, [10, 64] in the file", "fc.bias: [3] here, [10] in the file"));
  EXPECT_TRUE(report.missing.empty());
  EXPECT_TRUE(report.unexpected.empty());
  EXPECT_TRUE(same_bits(wanted->parameters().front(), saved->parameters().front()));
}

TEST(State, LongListsAreCut) {
  const auto net = make_net(1);
  const std::string path = temporary("nothing.safetensors");
  save_state(path, {});
  EXPECT_THAT(error_text([&] { load_weights(*net, path); }),
              testing::AllOf(testing::HasSubstr(": the file does not fit: 47 missing: conv1.weight, bn1.weight, "),
                             testing::EndsWith("layer1.0.bn1.running_var and 37 more")));
}

TEST(State, WeightsMayLackCountersButCheckpointsMayNot) {
  BatchNorm2d norm({.features = 2});
  std::vector<StateEntry> without_counter = named_weights(norm);
  ASSERT_EQ(without_counter.back().name, "num_batches_tracked");
  without_counter.pop_back();
  const std::string path = temporary("old_pytorch.safetensors");
  save_state(path, without_counter);
  EXPECT_TRUE(load_weights(norm, path).complete());
  EXPECT_EQ(error_text([&] { load_state(path, named_state(norm)); }),
            path + ": the file does not fit: 1 missing: num_batches_tracked");
}

TEST(State, CountersAreExactBeyondFloat) {
  BatchNorm2d norm({.features = 1});
  *norm.named_counters().at(0).value = (std::int64_t{1} << 53) + 1;
  const std::string path = temporary("counter.safetensors");
  save_weights(norm, path);
  BatchNorm2d other({.features = 1});
  load_weights(other, path);
  EXPECT_EQ(*other.named_counters().at(0).value, (std::int64_t{1} << 53) + 1);
}

TEST(State, TypesThatDoNotFitAreNamed) {
  const std::string path = temporary("types.safetensors");
  const std::int64_t five = 5;
  const std::vector<float> one = {1};
  safetensors::write(path, std::vector<safetensors::Source>{{.name = "weight", .shape = {1}, .integers = {&five, 1}},
                                                            {.name = "count", .shape = {}, .floats = one}});
  std::int64_t count = 0;
  const std::vector<StateEntry> entries = {{.name = "weight", .tensor = Tensor::zeros({1})},
                                           {.name = "count", .counter = &count}};
  EXPECT_EQ(error_text([&] { load_state(path, entries); }),
            path +
                ": the file does not fit: 2 mismatched: weight: F32 here, I64 in the file, "
                "count: I64 here, F32 in the file");
}

TEST(State, ADoubleBeyondFloatLeavesEverythingAsItWas) {
  std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                       R"("b":{"dtype":"F64","shape":[1],"data_offsets":[4,12]}})";
  const std::uint64_t length = header.size();
  const float a = 2.0F;
  const double b = 1e300;
  const std::string path = temporary("doubles.safetensors");
  write_file_atomically(path, std::string(reinterpret_cast<const char*>(&length), 8) + header +
                                  std::string(reinterpret_cast<const char*>(&a), 4) +
                                  std::string(reinterpret_cast<const char*>(&b), 8));
  const std::vector<StateEntry> entries = {{.name = "a", .tensor = Tensor::zeros({1})},
                                           {.name = "b", .tensor = Tensor::zeros({1})}};
  EXPECT_EQ(error_text([&] { load_state(path, entries); }),
            path + ": tensor \"b\": the F64 value 1e+300 is beyond float32's range");
  EXPECT_EQ(entries[0].tensor.item(), 0.0F);
}

TEST(State, RefusesEntriesThatAreNoStateOrTwice) {
  const std::string path = temporary("refused_state.safetensors");
  const std::vector<StateEntry> empty = {{.name = "w"}};
  EXPECT_EQ(error_text([&] { save_state(path, empty); }), "state: w: an entry is either a tensor or a counter");
  const std::vector<StateEntry> activation = {{.name = "x", .tensor = Tensor::zeros({1, 2, 3, 4})}};
  EXPECT_EQ(error_text([&] { save_state(path, activation); }),
            "state: x: activations cannot be saved, only row-major tensors");
  const std::vector<StateEntry> one = {{.name = "w", .tensor = Tensor::zeros({1})}};
  save_state(path, one);
  const std::vector<StateEntry> twice = {one[0], one[0]};
  EXPECT_EQ(error_text([&] { load_state(path, twice); }), "state: w: the name is there twice");
}

}  // namespace
}  // namespace octet
