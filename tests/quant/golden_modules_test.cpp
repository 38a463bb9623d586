// SPDX-License-Identifier: Apache-2.0
// Five training steps of a QAT module against the traces of the reference implementation. The variants master_weight
// and master_weight_trainable_scale are what the product does (the former with the scales frozen, as one freezes any
// parameter). The variant reference overwrites the float weight with the quantized one in every forward; the product
// does not, so the test does it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/nn/optim.h"
#include "octet/quant/qat_layers.h"
#include "support/error_text.h"
#include "support/golden_qat_modules.h"
#include "support/golden_vectors.h"
#include "support/reference_quant.h"

namespace octet {
namespace {

using nlohmann::json;
using test::golden_doubles;
using test::GoldenReport;

// Of convolutions: relative to the largest value of the tensor, which is less than the sum of the absolute terms.
constexpr double kTolerance = 1e-5;

testing::AssertionResult agrees(const Tensor& ours, const json& golden) {
  if (golden.is_null())
    return ours.defined() ? testing::AssertionFailure() << "defined, the golden is none" : testing::AssertionSuccess();
  if (!ours.defined()) return testing::AssertionFailure() << "undefined";
  const std::vector<double> expected = golden_doubles(golden);
  const std::vector<float> values = ours.to_vector();
  if (values.size() != expected.size())
    return testing::AssertionFailure() << values.size() << " values, not " << expected.size();
  double largest = 0.0;
  for (double v : expected) largest = std::isnan(v) ? largest : std::max(largest, std::fabs(v));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto result = test::near_sum(values[i], expected[i], largest, kTolerance);
    if (!result) return testing::AssertionFailure() << "element " << i << ": " << result.message();
  }
  return testing::AssertionSuccess();
}

class Replay {
 public:
  Replay(GoldenReport& report, const json& c, const std::string& variant)
      : report_(report), case_(c), type_(c.at("module").get<std::string>()), variant_(variant) {
    const json& args = c.at("float_module_args");
    groups_ = args.value("groups", 1);
    layer_ = test::golden_float_module(type_.substr(0, type_.size() - 3), args);
    module_ = test::golden_qat_module(type_, *layer_, c.at("config"));
    load("weight", c.at("initial").at("weight"));
    if (find("bias").defined()) load("bias", c.at("initial").at("bias"));
    learns_scales_ = find("wts_scales").requires_grad();
    if (variant_ != "master_weight_trainable_scale") find("wts_scales").set_requires_grad(false);
    const json config = c.at("config").is_null() ? json::object() : c.at("config");
    enabled_ = config.value("retrain_enable", true);
    const json data = config.value("retrain_data_config", json::object());
    fixed_min_ = data.value("fixed_min", false);
    bits_ = data.value("dst_type", "INT8") == "INT16" ? 16 : 8;
  }

  void run() {
    const json& steps = case_.at("variants").at(variant_).at("steps");
    for (std::size_t i = 0; i < steps.size(); ++i) {
      SCOPED_TRACE(variant_ + ", step " + std::to_string(i + 1));
      if (clips_cross())
        return except("clips cross before step " + std::to_string(i + 1) +
                      ", and both are restored (Q5); the steps before agree");
      const bool training = case_.at("modes").at(i) == "train";
      const bool frozen = !training && counter("acts_initialised") != 0;
      if (frozen) evaluated_ = true;
      step(steps[i], case_.at("inputs").at(i), training);
      if (steps[i].contains("backward_error")) return except("the backward of the reference fails (Q13)");
      check_state(steps[i].at("state"), frozen);
    }
  }

 private:
  void step(const json& golden, const json& input, bool training) {
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
    check_clips(golden.at("clip_after_forward"));
    const bool backward = training && !golden.contains("backward_error");
    if (backward) y.backward(golden_output_gradient());
    if (variant_ == "reference") std::ranges::copy(quantized_weight_, find("weight").mutable_values().begin());
    if (!backward) return;
    check_gradients(golden, x);
    SGD sgd(*module_, {.lr = case_.at("lr").get<double>(), .momentum = 0.0, .weight_decay = 0.0});
    sgd.step();
    sgd.zero_grad();
  }

  void check_clips(const json& golden) {
    EXPECT_TRUE(agrees(find("acts_clip_max"), golden.at(0)));
    EXPECT_TRUE(agrees(find("acts_clip_min"), golden.at(1)));
  }

  void check_gradients(const json& golden, const Tensor& x) {
    EXPECT_TRUE(agrees(x.grad(), golden.at("grad_input"))) << "grad_input";
    EXPECT_TRUE(agrees(find("weight").grad(), golden.at("grad_weight"))) << "grad_weight";
    if (find("bias").defined()) {
      EXPECT_TRUE(agrees(find("bias").grad(), golden.at("grad_bias"))) << "grad_bias";
    }
    const auto [clip_max_terms, clip_min_terms] = clip_gradient_terms(x);
    EXPECT_TRUE(sum_agrees(find("acts_clip_max").grad(), golden.at("grad_acts_clip_max"), {clip_max_terms}));
    if (fixed_min_ && !golden.at("grad_acts_clip_min").is_null()) {
      EXPECT_FALSE(find("acts_clip_min").grad().defined());
      except("a fixed minimum gets no gradient and does not move (Q8); all else agrees");
    } else {
      EXPECT_TRUE(sum_agrees(find("acts_clip_min").grad(), golden.at("grad_acts_clip_min"), {clip_min_terms}));
    }
    if (golden.contains("grad_wts_scales")) {
      EXPECT_TRUE(sum_agrees(find("wts_scales").grad(), golden.at("grad_wts_scales"), scale_gradient_terms()));
    }
  }

  // A gradient that is a sum with many signs: relative to the sum of its absolute terms.
  static testing::AssertionResult sum_agrees(const Tensor& ours, const json& golden, const std::vector<double>& terms) {
    if (golden.is_null() || !ours.defined()) return agrees(ours, golden);
    const std::vector<double> expected = golden_doubles(golden);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto result = test::near_sum(ours.to_vector().at(i), expected[i], terms.at(i), kTolerance);
      if (!result) return testing::AssertionFailure() << "element " << i << ": " << result.message();
    }
    return testing::AssertionSuccess();
  }

  // What is added up to the gradients of the clips. It takes the gradient of the quantized input, for which the float
  // layer is run on it: what the clips mask in x.grad() is there.
  std::pair<double, double> clip_gradient_terms(const Tensor& x) {
    const test::ReferenceGrid grid{find("acts_scale").item(), static_cast<int>(find("acts_offset_deploy").item()),
                                   bits_};
    Tensor quantized = x.detach().clone();
    for (float& v : quantized.mutable_values()) v = grid.fake(v);
    quantized.set_requires_grad();
    const std::unique_ptr<Module> layer = layer_->clone();
    std::ranges::copy(quantized_weight_, layer->parameters().front().mutable_values().begin());
    (*layer)(quantized).backward(golden_output_gradient());
    const test::ReferenceUlq sums = test::reference_ulq(
        grid, find("acts_clip_max").item(), find("acts_clip_min").item(), x.to_vector(), quantized.grad().to_vector());
    return {sums.clip_max.absolute, sums.clip_min.absolute};
  }

  // What is added up to the gradient of each scale, from the weight's gradient, which is that of the quantized one.
  // Where scales are learned, the difference of rint(t) and t is left of roundings of t itself, made in all steps so
  // far: they count with 0.05 |t|, so that kTolerance lets pass two units in the last place of t.
  std::vector<double> scale_gradient_terms() {
    const std::vector<float> w = find("weight").to_vector(), dw = find("weight").grad().to_vector();
    const ChannelView view = test::golden_view(type_, find("weight").shape(), groups_);
    std::vector<double> terms(static_cast<std::size_t>(find("wts_scales").size()));
    for (std::size_t i = 0; i < w.size(); ++i) {
      const std::int64_t channel = test::golden_channel(type_, view, static_cast<std::int64_t>(i));
      const std::size_t k = terms.size() == 1 ? 0 : static_cast<std::size_t>(channel);
      const double t = static_cast<double>(w[i] / find("wts_scales").to_vector()[k]);
      const double d = t > 127 ? 127 : t < -128 ? -128 : std::rint(t) - t;
      terms[k] += (std::fabs(d) + 0.05 * std::fabs(t)) * std::fabs(static_cast<double>(dw[i])) /
                  std::sqrt(static_cast<double>(view.per_output()) * 127);
    }
    return terms;
  }

  Tensor golden_output_gradient() const {
    const json& golden = case_.at("grad_output");
    return type_ == "LinearQAT" ? test::golden_row_major(golden) : test::golden_activation(golden);
  }

  // `frozen`: an evaluation after initialisation, which writes nothing here.
  void check_state(const json& golden, bool frozen) {
    if (frozen) except("evaluation changes no state (Q15); outputs and gradients agree");
    for (const auto& [name, value] : golden.items()) {
      if (name == "do_init") {
        EXPECT_EQ(counter("acts_initialised") == 0, value.get<bool>());
      } else if (name == "cur_batch") {
        EXPECT_TRUE(evaluated_ || counter(name) == value.get<std::int64_t>()) << counter(name);
      } else if (name == "acts_clip_min" && fixed_min_ && excepted_) {
        EXPECT_EQ(find(name).item(), 0.0F);
      } else if (!(name == "bias" && value.is_null()) && !(frozen && is_written_by_forwards(name))) {
        EXPECT_TRUE(agrees(find(name), value)) << name;
      }
    }
  }

  static bool is_written_by_forwards(const std::string& name) {
    return name == "acts_clip_max_pre" || name == "acts_clip_min_pre" || name == "acts_scale" ||
           name == "acts_offset_deploy" || name == "wts_scales";
  }

  void except(const std::string& cause) {
    if (!excepted_) report_.except(cause);
    excepted_ = true;
  }

  // The clips after an optimizer step, where the reference and the product part.
  bool clips_cross() const {
    const float min = fixed_min_ ? 0.0F : find("acts_clip_min").item();
    return enabled_ && find("acts_clip_max").item() - min <= kSmallestScale;
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

  void load(const std::string& name, const json& values) {
    std::ranges::copy(test::golden_floats(values), find(name).mutable_values().begin());
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
  const json& case_;
  std::string type_, variant_;
  std::int64_t groups_ = 1;
  int bits_ = 8;
  std::unique_ptr<Module> layer_, module_;
  std::vector<float> quantized_weight_;
  bool learns_scales_ = false, enabled_ = true, fixed_min_ = false, excepted_ = false, evaluated_ = false;
};

void replay_file(const std::string& name) {
  const json file = test::load_golden_vectors(name);
  GoldenReport report(name);
  for (const json& c : file.at("cases")) {
    for (const auto& [variant, trace] : c.at("variants").items()) {
      report.run(c.at("id").get<std::string>() + ", " + variant, [&, variant = variant] {
        if (c.at("float_module_args").contains("output_padding"))
          report.except("output_padding is copied, so the output has the float module's shape (Q4)");
        else
          Replay(report, c, variant).run();
      });
    }
  }
}

TEST(QuantGolden, TraceOfConv2d) { replay_file("module_trace_conv2d.json"); }

TEST(QuantGolden, TraceOfLinear) { replay_file("module_trace_linear.json"); }

TEST(QuantGolden, TraceOfConvTranspose2d) { replay_file("module_trace_conv_transpose2d.json"); }

}  // namespace
}  // namespace octet
