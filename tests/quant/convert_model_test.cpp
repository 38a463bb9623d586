// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/convert_model.h"

#include <gtest/gtest.h>

#include "octet/nn/layers.h"
#include "octet/nn/sequential.h"
#include "octet/quant/qat_layers.h"
#include "support/error_text.h"

namespace octet {
namespace {

constexpr const char* kConfig = R"({"version":1,"batch_num":3,"fakequant_precision_mode":"FORCE_FP16_QUANT",
  "0":{"retrain_enable":true}})";

class ConvertModel : public testing::Test {
 protected:
  ConvertModel() {
    net_.append<Conv2d>({.in_channels = 3, .out_channels = 4, .kernel_size = 3}, rng_);
    net_.append<BatchNorm2d>({.features = 4});
    net_.append<Conv2d>({.in_channels = 4, .out_channels = 2, .kernel_size = 1}, rng_);
  }

  Rng rng_{1};
  Sequential net_;
  const Tensor x_ = Tensor::zeros({1, 3, 6, 6});
};

TEST_F(ConvertModel, PlansWhatTheConfigurationSaysAndReportsOnEveryLayer) {
  const ModelConversion conversion = plan_model_conversion(net_, kConfig, "config", x_);
  ASSERT_EQ(conversion.layers.size(), 1U);
  EXPECT_EQ(conversion.layers[0].name, "0");
  EXPECT_EQ(conversion.layers[0].batch_norm, "1");
  EXPECT_EQ(conversion.layers[0].config.retrain_data_config.batch_num, 3);
  EXPECT_TRUE(conversion.force_fp16_quant);
  ASSERT_EQ(conversion.report.layers.size(), 2U);
  EXPECT_TRUE(conversion.report.layers[0].quantized);
  EXPECT_FALSE(conversion.report.layers[1].quantized);
}

TEST_F(ConvertModel, LeavesTheModelAndConvertsACopy) {
  const ModelConversion conversion = plan_model_conversion(net_, kConfig, "config", x_);
  const std::unique_ptr<Module> converted = convert_model(net_, conversion, false);
  EXPECT_EQ(net_.at("0").type_name(), "Conv2d");
  EXPECT_EQ(converted->at("0").type_name(), "Conv2dQAT");
  EXPECT_NE(dynamic_cast<const QatModule&>(converted->at("0")).batch_norm(), nullptr);
  EXPECT_EQ(converted->at("1").type_name(), "Identity");
  EXPECT_EQ(converted->at("2").type_name(), "Conv2d");
}

TEST_F(ConvertModel, RefusesAMistakeInTheConfigurationByItsPlace) {
  EXPECT_EQ(test::error_text([&] { plan_model_conversion(net_, R"({"version":1,"batch_num":0})", "config", x_); }),
            "config:1:26: batch_num: has to be at least 1 but is 0");
}

}  // namespace
}  // namespace octet
