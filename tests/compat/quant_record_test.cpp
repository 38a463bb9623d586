// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/quant_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const std::vector<std::string> kLayers = {"conv1", "fc"};

std::string entry(const std::string& value, const std::string& key = "conv1") {
  return "record {\n  key: \"" + key + "\"\n  value {\n" + value + "  }\n}\n";
}
const std::string kGood = "    scale_d: 0.5\n    offset_d: -128\n    scale_w: 0.25\n    offset_w: 0\n";

std::string error_of(const std::string& text) {
  return error_text([&] { parse_record_text(text, "r.txt", kLayers); });
}

TEST(QuantRecord, ReadsWhatItWrites) {
  const QuantRecord record{.layers = {{.name = "conv1", .scale_d = 0.1F, .offset_d = -128, .scale_w = {1e-7F, 3.4e38F}},
                                      {.name = "fc",
                                       .scale_d = 0x1p-149F,
                                       .offset_d = 32767,
                                       .scale_w = {0.25F},
                                       .act_type = DstType::kInt16,
                                       .wts_type = DstType::kInt4,
                                       .force_fp16_quant = true,
                                       .skip_fusion = true,
                                       .shift_bit = {4294967295U}}}};
  EXPECT_EQ(parse_record_text(to_record_text(record), "r.txt", kLayers), record);
}

TEST(QuantRecord, IsReplacedAsAWhole) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "record_folder" / "a" / "record.txt";
  std::filesystem::remove_all(path.parent_path().parent_path());
  const QuantRecord record{.layers = {{.name = "fc", .scale_d = 2, .offset_d = 3, .scale_w = {0.5F}}}};
  write_record_file(path, record);
  EXPECT_EQ(read_record_file(path, kLayers), record);
  write_record_file(path, {});
  EXPECT_EQ(read_record_file(path, kLayers), QuantRecord());
  std::filesystem::remove_all(path.parent_path().parent_path());
}

// A comment, so that AMCT's own reader takes the file.
TEST(QuantRecord, SaysItsVersionInItsFirstLine) {
  const std::string text = entry(kGood);
  EXPECT_EQ(parse_record_text("# octet record 1\n" + text, "r.txt", kLayers),
            parse_record_text(text, "r.txt", kLayers));
  EXPECT_EQ(parse_record_text("# octet record 1\r\n" + text, "r.txt", kLayers).layers.size(), 1U);
  EXPECT_EQ(parse_record_text("# octet records of mine\n" + text, "r.txt", kLayers).layers.size(), 1U);
  EXPECT_EQ(error_text([&] { parse_record_text("# octet record 2\n" + text, "r.txt", kLayers); }),
            R"(r.txt: the format is "octet record 2", which a newer Octet wrote; this one knows "octet record 1" at )"
            R"(most: update Octet to read the file)");
}

TEST(QuantRecord, TakesDstTypeForBothTypes) {
  const QuantRecord record = parse_record_text(entry(kGood + "    dst_type: \"INT8\"\n"), "r.txt", kLayers);
  EXPECT_EQ(record.layers.at(0).act_type, DstType::kInt8);
  EXPECT_EQ(record.layers.at(0).scale_w, std::vector<float>{0.25F});
}

TEST(QuantRecord, RefusesWhatCannotBeDeployedAndSaysWhere) {
  EXPECT_EQ(error_of(entry(kGood, "conv2")),
            "r.txt:2:3: record[0].key: there is no quantized layer \"conv2\"; did you mean \"conv1\"?");
  EXPECT_EQ(error_of(entry(kGood) + entry(kGood)), "r.txt:11:3: record[1].key: \"conv1\" is there twice");
  EXPECT_EQ(error_of(entry("    scale_d: 0\n    offset_d: 0\n    scale_w: 1\n    offset_w: 0\n")),
            "r.txt:4:5: record[0].value.scale_d: has to be above 0.0 but is 0.0");
  EXPECT_EQ(error_of(entry("    scale_d: inf\n    offset_d: 0\n    scale_w: 1\n    offset_w: 0\n")),
            "r.txt:4:5: record[0].value.scale_d: expected a finite number, got the real inf");
  EXPECT_EQ(error_of(entry("    scale_d: 1\n    offset_d: 128\n    scale_w: 1\n    offset_w: 0\n")),
            "r.txt:5:5: record[0].value.offset_d: has to be at least -128 and at most 127 but is 128");
  EXPECT_EQ(error_of(entry("    scale_d: 1\n    offset_d: 0\n    scale_w: [1, -1]\n    offset_w: [0, 0]\n")),
            "r.txt:6:18: record[0].value.scale_w[1]: has to be above 0.0 but is -1.0");
  EXPECT_EQ(error_of(entry("    scale_d: 1\n    offset_d: 0\n    scale_w: 1\n    offset_w: 1\n")),
            "r.txt:7:5: record[0].value.offset_w[0]: has to be at least 0 and at most 0 but is 1");
  EXPECT_EQ(error_of(entry("    scale_d: 1\n    offset_d: 0\n    scale_w: 1\n    offset_w: [0, 0]\n")),
            "r.txt:7:5: record[0].value.offset_w: has to have as many values as scale_w, 1");
  EXPECT_EQ(error_of(entry(kGood + "    wts_type: \"INT16\"\n")),
            "r.txt:8:5: record[0].value.wts_type: weights have to be INT8 or INT4");
  EXPECT_EQ(error_of("record {\n  key: \"fc\"\n}\n"), "r.txt:1:1: missing key \"scale_d\" in record[0].value");
  EXPECT_THAT(error_of("record { key: \"fc\" value { scal_d: 1 } }"),
              AllOf(StartsWith("r.txt:1:34: "), HasSubstr("\"scal_d\"")));
  EXPECT_THAT(error_of("record {\n\tkey: 5 }"), StartsWith("r.txt:2:7: "));
  EXPECT_EQ(error_of("\xFF"), "r.txt:1:1: a byte of this line is not UTF-8");
}

}  // namespace
}  // namespace octet
