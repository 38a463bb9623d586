// SPDX-License-Identifier: Apache-2.0
// What golden_config_test.cpp does not cover: the texts of messages, and structs.
#include "octet/quant/retrain_config.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

std::string parse_error(const std::string& json, const char* layer = "Conv2dQAT") {
  return error_text([&] { parse_retrain_config(json, layer); });
}

std::string check_error(const RetrainConfig& config) {
  return error_text([&] { check_retrain_config(config, "LinearQAT"); });
}

TEST(RetrainConfig, ReadsEveryKey) {
  const RetrainConfig config = parse_retrain_config(
      R"({"retrain_enable": false,
          "retrain_data_config": {"dst_type": "INT16", "batch_num": 3, "fixed_min": true, "clip_max": 6.5,
                                  "clip_min": -0.25, "asymmetric": false},
          "retrain_weight_config": {"dst_type": "INT8", "weights_retrain_algo": "ulq_retrain", "channel_wise": false,
                                    "s_rec_flag": true}})",
      "Conv2dQAT");
  EXPECT_FALSE(config.retrain_enable);
  EXPECT_EQ(config.retrain_data_config.dst_type, DstType::kInt16);
  EXPECT_EQ(config.retrain_data_config.batch_num, 3);
  EXPECT_TRUE(config.retrain_data_config.fixed_min);
  EXPECT_EQ(config.retrain_data_config.clip_max, 6.5F);
  EXPECT_EQ(config.retrain_data_config.clip_min, -0.25F);
  EXPECT_FALSE(config.retrain_data_config.asymmetric);
  EXPECT_EQ(config.retrain_weight_config.weights_retrain_algo, WeightsRetrainAlgo::kUlqRetrain);
  EXPECT_EQ(config.retrain_weight_config.channel_wise, false);
  EXPECT_TRUE(config.retrain_weight_config.s_rec_flag);
}

TEST(RetrainConfig, NullAndEmptyAreTheDefaults) {
  for (const char* const json : {"null", "{}"}) {
    const RetrainConfig config = parse_retrain_config(json, "LinearQAT");
    EXPECT_TRUE(config.retrain_enable);
    EXPECT_FALSE(config.retrain_data_config.clip_max.has_value());
    EXPECT_FALSE(config.retrain_weight_config.channel_wise.has_value());
  }
}

TEST(RetrainConfig, MessagesNameLayerPositionKeyAndRule) {
  EXPECT_EQ(parse_error(R"({"retrain_data_config": {"clip_max": 1}})"),
            "Conv2dQAT config:1:38: retrain_data_config.clip_max: must be a real number (1.0, not 1) above 0, got the "
            "integer 1");
  EXPECT_EQ(parse_error(R"({"retrain_data_config": {"dst_type": "INT4"}})"),
            "Conv2dQAT config:1:38: retrain_data_config.dst_type: must be \"INT8\" or \"INT16\", got the quoted string "
            "\"INT4\"");
  EXPECT_EQ(parse_error(R"({"retrain_data_config": {"batch_num": 0}})"),
            "Conv2dQAT config:1:39: retrain_data_config.batch_num: must be an integer above 0, got the integer 0");
  EXPECT_EQ(parse_error(R"({"retrain_weight_config": {"channel_wise": null}})"),
            "Conv2dQAT config:1:44: retrain_weight_config.channel_wise: must be true or false, got null");
  EXPECT_EQ(parse_error(R"({"retrain_weight_config": 3})"),
            "Conv2dQAT config:1:27: retrain_weight_config: must be an object, got the integer 3");
  EXPECT_EQ(parse_error("[]"), "Conv2dQAT config:1:1: config: must be an object, got a list");
  EXPECT_NE(parse_error("{").find("Conv2dQAT config:1:2"), std::string::npos);
}

TEST(RetrainConfig, ClipsMustBeNumbersInFloat32) {
  EXPECT_NE(parse_error(R"({"retrain_data_config": {"clip_max": 1e-60}})").find("above 0"), std::string::npos);
  EXPECT_NE(parse_error(R"({"retrain_data_config": {"clip_max": 1e60}})").find("above 0"), std::string::npos);
  EXPECT_NE(
      parse_error(R"({"retrain_data_config": {"clip_max": 3e38, "clip_min": -3e38}})").find("clip_max - clip_min"),
      std::string::npos);
}

TEST(RetrainConfig, StructsAreCheckedByTheSameRules) {
  EXPECT_EQ(check_error({}), "no error");
  EXPECT_EQ(check_error({.retrain_weight_config = {.dst_type = DstType::kInt4}}), "no error");
  EXPECT_EQ(check_error({.retrain_data_config = {.dst_type = DstType::kInt4}}),
            "LinearQAT: retrain_data_config.dst_type: must be INT8 or INT16 (4 bits)");
  EXPECT_EQ(check_error({.retrain_data_config = {.batch_num = 0}}),
            "LinearQAT: retrain_data_config.batch_num: must be above 0 (batch_num 0)");
  EXPECT_EQ(check_error({.retrain_data_config = {.clip_max = -1.0F}}),
            "LinearQAT: retrain_data_config.clip_max: must be finite and above 0 (clip_max -1)");
  EXPECT_EQ(check_error({.retrain_data_config = {.clip_min = 0.0F}}),
            "LinearQAT: retrain_data_config.clip_min: must be finite and below 0 (clip_min 0)");
  EXPECT_EQ(check_error({.retrain_data_config = {.clip_max = std::numeric_limits<float>::quiet_NaN()}}),
            "LinearQAT: retrain_data_config.clip_max: must be finite and above 0 (clip_max nan)");
  EXPECT_EQ(check_error({.retrain_weight_config = {.dst_type = DstType::kInt16}}),
            "LinearQAT: retrain_weight_config.dst_type: must be INT8 or INT4 (16 bits)");
}

}  // namespace
}  // namespace octet
