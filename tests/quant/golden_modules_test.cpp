// SPDX-License-Identifier: Apache-2.0
// Five training steps of a QAT module against the traces of the reference implementation. The variants master_weight
// and master_weight_trainable_scale are what the product does (the former with the scales frozen, as one freezes any
// parameter). The variant reference overwrites the float weight with the quantized one in every forward; the product
// does not, so the test does it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/nn/optim.h"
#include "octet/quant/qat_layers.h"
#include "support/golden_qat_modules.h"
#include "support/golden_vectors.h"
#include "support/reference_quant.h"

namespace octet {
namespace {

using test::Golden;
using test::golden_floats;
using test::GoldenJson;
using test::GoldenReport;

// Relative to the sum of the absolute terms or, of convolutions, to the largest value of the tensor, which is less.
constexpr double kTolerance = 1e-5;
// Of the gradients of learned scales: the difference of rint(t) and t is left of roundings of t, made in all steps.
constexpr double kScaleTolerance = 5e-5;

testing::AssertionResult agrees(const Tensor& ours, const Golden& golden) {
  return test::agrees(ours, golden, kTolerance);
}
testing::AssertionResult sums_agree(const Tensor& ours, const Golden& golden, const std::vector<double>& terms) {
  return test::sums_agree(ours, golden, terms, kTolerance);
}

class Replay {
 public:
  Replay(GoldenReport& report, const Golden& c, const std::string& variant)
      : report_(report), case_(c), type_(c.at("module").get<std::string>()), variant_(variant) {
    GoldenJson args = c.at("float_module_args").whole();
    groups_ = args.value("groups", 1);
    if (args.contains("output_padding")) compare_without_output_padding(args);
    layer_ = test::golden_float_module(type_.substr(0, type_.size() - 3), args);
    const GoldenJson config = c.at("config").whole();
    module_ = test::golden_qat_module(type_, *layer_, config);
    for (const auto& [name, values] : c.at("initial").fields()) load(name, values);
    learns_scales_ = find("wts_scales").requires_grad();
    if (variant_ != "master_weight_trainable_scale") find("wts_scales").set_requires_grad(false);
    read_config(config.is_null() ? GoldenJson::object() : config);
  }

  void run() {
    const std::vector<Golden> steps = case_.at("variants").at(variant_).at("steps").elements();
    const auto modes = case_.at("modes").get<std::vector<std::string>>();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      SCOPED_TRACE(variant_ + ", step " + std::to_string(i + 1));
      if (!restore_clips(i + 1)) return;
      const bool training = modes.at(i) == "train";
      const bool frozen = enabled_ && !training && counter("acts_initialised") != 0;
      const std::map<std::string, std::vector<float>> before = written_by_forwards();
      step(steps[i], case_.at("inputs").at(i), training);
      if (steps[i].contains("backward_error"))
        return report_.except("backward", steps[i].at("backward_error").get<std::string>());
      if (frozen) expect_frozen(before);
      check_state(steps[i].at("state"), frozen);
    }
  }

 private:
  void read_config(const GoldenJson& config) {
    enabled_ = config.value("retrain_enable", true);
    const GoldenJson data = config.value("retrain_data_config", GoldenJson::object());
    fixed_min_ = data.value("fixed_min", false);
    bits_ = data.value("dst_type", "INT8") == "INT16" ? 16 : 8;
  }

  // The reference forgets it, so its trace is that of a layer without.
  void compare_without_output_padding(GoldenJson& args) {
    const auto with = test::golden_float_module("ConvTranspose2d", args);
    const auto qat = test::golden_qat_module(type_, *with, case_.at("config").whole());
    EXPECT_EQ(dynamic_cast<const ConvTranspose2dQAT&>(*qat).options().output_padding,
              dynamic_cast<const ConvTranspose2d&>(*with).options().output_padding);
    args.erase("output_padding");
    report_.except("output padding");
  }

  void step(const Golden& golden, const Golden& input, bool training) {
    module_->train(training);
    Tensor x = type_ == "LinearQAT" ? test::golden_row_major(input) : test::golden_activation(input);
    x.set_requires_grad(training);
    Tensor y;
    if (training) {
      y = (*module_)(x);
    } else {
      const NoGrad no_grad;
      y = (*module_)(x);
    }
    quantized_weight_ = quantize_weight();
    EXPECT_TRUE(agrees(y, golden.at("output")));
    EXPECT_TRUE(agrees(find("acts_clip_max"), golden.at("clip_after_forward").at(0)));
    EXPECT_TRUE(agrees(find("acts_clip_min"), golden.at("clip_after_forward").at(1)));
    moved_fixed_min_.reset();
    const bool backward = training && !golden.contains("backward_error");
    if (backward) y.backward(test::golden_like(y, case_.at("grad_output")));
    // AMCT does so in the forward pass; here a backward pass refuses values that were written to since.
    if (variant_ == "reference") std::ranges::copy(quantized_weight_, find("weight").mutable_values().begin());
    if (!backward) return;
    check_gradients(golden, x);
    SGD sgd(*module_, {.lr = case_.at("lr").get<double>(), .momentum = 0.0, .weight_decay = 0.0});
    sgd.step();
    sgd.zero_grad();
  }

  void check_gradients(const Golden& golden, const Tensor& x) {
    EXPECT_TRUE(agrees(x.grad(), golden.at("grad_input")));
    EXPECT_TRUE(agrees(find("weight").grad(), golden.at("grad_weight")));
    EXPECT_TRUE(agrees(find("bias").defined() ? find("bias").grad() : Tensor(), golden.at("grad_bias")));
    const auto [clip_max, clip_min] = clip_gradient_sums(x);
    EXPECT_TRUE(sums_agree(find("acts_clip_max").grad(), golden.at("grad_acts_clip_max"), {clip_max.absolute}));
    Tensor min_grad = find("acts_clip_min").grad();
    if (fixed_min_ && !golden.at("grad_acts_clip_min").is_null()) {
      EXPECT_FALSE(min_grad.defined());
      report_.except("fixed minimum", "all else agrees");
      min_grad = Tensor::scalar(static_cast<float>(clip_min.value));  // the oracle's
      moved_fixed_min_ = -case_.at("lr").get<double>() * test::golden_number(golden.at("grad_acts_clip_min"));
    }
    EXPECT_TRUE(sums_agree(min_grad, golden.at("grad_acts_clip_min"), {clip_min.absolute}));
    if (golden.contains("grad_wts_scales")) {
      EXPECT_TRUE(test::sums_agree(find("wts_scales").grad(), golden.at("grad_wts_scales"), scale_gradient_terms(),
                                   kScaleTolerance));
    } else {
      EXPECT_FALSE(find("wts_scales").grad().defined());
    }
  }

  // What is added up to the gradients of the clips. It takes the gradient of the quantized input, for which the float
  // layer is run on it: what the clips mask in x.grad() is there.
  std::pair<test::Sum, test::Sum> clip_gradient_sums(const Tensor& x) {
    const test::ReferenceGrid grid{find("acts_scale").item(), static_cast<int>(find("acts_offset_deploy").item()),
                                   bits_};
    Tensor quantized = x.detach().clone();
    for (float& v : quantized.mutable_values()) v = grid.fake(v);
    quantized.set_requires_grad();
    const std::unique_ptr<Module> layer = layer_->clone();
    std::ranges::copy(quantized_weight_, layer->parameters().front().mutable_values().begin());
    const Tensor y = (*layer)(quantized);
    y.backward(test::golden_like(y, case_.at("grad_output")));
    const test::ReferenceUlq sums = test::reference_ulq(
        grid, find("acts_clip_max").item(), find("acts_clip_min").item(), x.to_vector(), quantized.grad().to_vector());
    return {sums.clip_max, sums.clip_min};
  }

  // What is added up to the gradient of each scale, from the weight's gradient, which is that of the quantized one.
  std::vector<double> scale_gradient_terms() {
    const std::vector<float> w = find("weight").to_vector(), dw = find("weight").grad().to_vector();
    const ChannelView view = test::golden_view(type_, find("weight").shape(), groups_);
    std::vector<double> terms(static_cast<std::size_t>(find("wts_scales").size()));
    for (std::size_t i = 0; i < w.size(); ++i) {
      const std::int64_t channel = test::golden_channel(type_, view, static_cast<std::int64_t>(i));
      const std::size_t k = terms.size() == 1 ? 0 : static_cast<std::size_t>(channel);
      const double t = static_cast<double>(w[i] / find("wts_scales").to_vector()[k]);
      const double d = t > 127 ? 127 : t < -128 ? -128 : std::rint(t) - t;
      terms[k] += std::fabs(d * static_cast<double>(dw[i])) / std::sqrt(static_cast<double>(view.per_output()) * 127);
    }
    return terms;
  }

  void check_state(const Golden& golden, bool frozen) {
    for (const auto& [name, value] : golden.fields()) {
      if (name == "do_init") {
        EXPECT_EQ(counter("acts_initialised") == 0, value.get<bool>());
      } else if (name == "cur_batch") {
        EXPECT_EQ(counter(name) + evaluations_, value.get<std::int64_t>());
      } else if (name == "acts_clip_min" && moved_fixed_min_) {
        EXPECT_EQ(find(name).item(), 0.0F);
        EXPECT_TRUE(test::near_sum(*moved_fixed_min_, test::golden_number(value), std::fabs(*moved_fixed_min_)));
      } else if (!frozen || !is_written_by_forwards(name)) {
        EXPECT_TRUE(agrees(find(name), value)) << name;
      }
    }
  }

  static bool is_written_by_forwards(const std::string& name) {
    return name == "acts_clip_max_pre" || name == "acts_clip_min_pre" || name == "acts_scale" ||
           name == "acts_offset_deploy" || name == "wts_scales";
  }

  std::map<std::string, std::vector<float>> written_by_forwards() {
    std::map<std::string, std::vector<float>> values;
    for (const NamedTensor& one : module_->named_buffers())
      if (is_written_by_forwards(one.name)) values[one.name] = one.tensor.to_vector();
    return values;
  }

  // An evaluation after initialisation writes nothing here.
  void expect_frozen(const std::map<std::string, std::vector<float>>& before) {
    ++evaluations_;
    report_.except("evaluation", "outputs and gradients agree");
    for (const auto& [name, values] : written_by_forwards()) EXPECT_TRUE(test::equal_bits(values, before.at(name)));
  }

  // Where learning made clips meet, the reference and the product part. The trace goes on from the reference's clips;
  // false if there are none that both would use.
  bool restore_clips(std::size_t step) {
    if (!enabled_ || counter("acts_initialised") == 0) return true;
    Tensor max = find("acts_clip_max"), min = find("acts_clip_min");
    const Clips before{find("acts_clip_max_pre").item(), find("acts_clip_min_pre").item()};
    const float effective_min = fixed_min_ ? 0.0F : min.item(), distance = max.item() - effective_min;
    if (distance > kSmallestScale || distance == 0.0F) return true;
    const Clips reference{max.item() < 0.0F ? before.max : max.item(),
                          max.item() >= 0.0F && effective_min > 0.0F ? before.min : effective_min};
    const Clips ours = usable_clips(reference, before, fixed_min_);
    if (ours.max != reference.max || ours.min != reference.min) {
      report_.except("clips cross twice", variant_ + ", before step " + std::to_string(step));
      return false;
    }
    report_.except("clips meet",
                   "from step " + std::to_string(step) + " on, the test restores them so, and all agrees");
    max.mutable_values()[0] = reference.max;
    min.mutable_values()[0] = reference.min;
    return true;
  }

  // The quantized weight of this forward, without asking the module for it.
  std::vector<float> quantize_weight() {
    const Tensor weight = find("weight");
    if (!enabled_) return weight.to_vector();
    const NoGrad no_grad;
    const ChannelView view = test::golden_view(type_, weight.shape(), groups_);
    Tensor scales = find("wts_scales");
    if (!learns_scales_) {
      const std::vector<float> found = arq_scales("Test", weight, view, scales.size() > 1, /*bits=*/8);
      scales = Tensor::from_values(scales.shape(), found);
    }
    return fake_quantize_weight("Test", weight, scales, view, /*bits=*/8, ScaleForm::kScale).to_vector();
  }

  void load(const std::string& name, const Golden& values) {
    EXPECT_EQ(values.is_null(), !find(name).defined()) << name;
    if (values.is_null()) return;
    EXPECT_TRUE(test::equal_shapes(find(name), values)) << name;
    std::ranges::copy(golden_floats(values), find(name).mutable_values().begin());
  }

  Tensor find(const std::string& name) const {
    for (const auto& all : {module_->named_parameters(), module_->named_buffers()})
      for (const auto& [own, tensor] : all)
        if (own == name) return tensor;
    return {};
  }
  std::int64_t counter(const std::string& name) const {
    for (const NamedCounter& own : module_->named_counters())
      if (own.name == name) return *own.value;
    return -1;
  }

  GoldenReport& report_;
  const Golden case_;
  std::string type_, variant_;
  std::int64_t groups_ = 1, evaluations_ = 0;
  int bits_ = 8;
  std::unique_ptr<Module> layer_, module_;
  std::vector<float> quantized_weight_;
  bool learns_scales_ = false, enabled_ = true, fixed_min_ = false;
  std::optional<double> moved_fixed_min_;  // where the reference's optimizer takes it
};

void replay_file(const std::string& name) {
  GoldenReport report(name);
  report.each("cases", [&](const Golden& c) {
    for (const auto& [variant, trace] : c.at("variants").fields()) Replay(report, c, variant).run();
  });
}

TEST(QuantGolden, TraceOfConv2d) { replay_file("module_trace_conv2d.json"); }

TEST(QuantGolden, TraceOfLinear) { replay_file("module_trace_linear.json"); }

TEST(QuantGolden, TraceOfConvTranspose2d) { replay_file("module_trace_conv_transpose2d.json"); }

}  // namespace
}  // namespace octet
