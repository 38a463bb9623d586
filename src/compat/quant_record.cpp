// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/quant_record.h"

#include <octet/compat/quant_record.pb.h>
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/base/float_environment.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"
#include "octet/compat/protobuf_text.h"
#include "octet/config/fields.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {
namespace {

constexpr const char* kForceFp16 = "FORCE_FP16_QUANT";
// The version is a comment: AMCT's record has no field for it, and its reader skips comments.
constexpr std::string_view kCommentStart = "# ", kFormatComment = "# octet record ";
constexpr RealRange kScales = {.min = 0, .open_min = true};

DstType get_type(Fields& value, std::string_view key, DstType fallback) {
  return value.get_choice<DstType>(
      key, {{"INT4", DstType::kInt4}, {"INT8", DstType::kInt8}, {"INT16", DstType::kInt16}}, fallback);
}

QuantRecord::Layer read_layer(const std::string& name, Fields value) {
  const FloatEnvironment numbers;
  QuantRecord::Layer layer{.name = name, .scale_d = 0, .offset_d = 0, .scale_w = {}};
  const DstType both = get_type(value, "dst_type", DstType::kInt8);
  layer.act_type = get_type(value, "act_type", both);
  layer.wts_type = get_type(value, "wts_type", both);
  if (layer.wts_type == DstType::kInt16) value.fail_at("wts_type", "weights have to be INT8 or INT4");
  layer.scale_d = static_cast<float>(value.get_real("scale_d", kScales));
  const std::int64_t half = std::int64_t{1} << (bits_of(layer.act_type) - 1);
  layer.offset_d = static_cast<std::int32_t>(value.get_int("offset_d", {-half, half - 1}));
  for (const double scale : value.get_reals("scale_w", kScales)) layer.scale_w.push_back(static_cast<float>(scale));
  if (value.get_ints("offset_w", {0, 0}).size() != layer.scale_w.size())
    value.fail_at("offset_w", text("has to have as many values as scale_w, ", layer.scale_w.size()));
  layer.force_fp16_quant =
      value.get_choice<bool>("fakequant_precision_mode", {{"DEFAULT", false}, {kForceFp16, true}}, false);
  layer.skip_fusion = value.get_bool("skip_fusion", false);
  for (const std::int64_t shift : value.get_ints("shift_bit", {0, 0xFFFFFFFF}, std::vector<std::int64_t>()))
    layer.shift_bit.push_back(static_cast<std::uint32_t>(shift));
  value.finish();
  return layer;
}

}  // namespace

std::string to_record_text(const QuantRecord& record) {
  ScaleOffsetRecord message;
  for (const QuantRecord::Layer& layer : record.layers) {
    RecordEntry& entry = *message.add_record();
    entry.set_key(layer.name);
    LayerRecord& value = *entry.mutable_value();
    value.set_scale_d(layer.scale_d);
    value.set_offset_d(layer.offset_d);
    for (const float scale : layer.scale_w) {
      value.add_scale_w(scale);
      value.add_offset_w(0);
    }
    for (const std::uint32_t shift : layer.shift_bit) value.add_shift_bit(shift);
    if (layer.skip_fusion) value.set_skip_fusion(true);
    value.set_act_type(std::string(name_of(layer.act_type)));
    value.set_wts_type(std::string(name_of(layer.wts_type)));
    if (layer.force_fp16_quant) value.set_fakequant_precision_mode(kForceFp16);
  }
  return to_protobuf_text(message);
}

QuantRecord parse_record_text(std::string_view text, std::string source, std::span<const std::string> layers) {
  if (text.starts_with(kFormatComment)) {
    const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
    require_readable(kRecordFormat, line.substr(kCommentStart.size()), source);
  }
  ScaleOffsetRecord message;
  const Document file = parse_protobuf_text(text, std::move(source), message);
  Fields fields(file);
  QuantRecord record;
  std::unordered_set<std::string> seen;
  for (Fields& entry : fields.fields_list("record")) {
    const std::string name = entry.get_string("key");
    if (std::ranges::find(layers, name) == layers.end())
      entry.fail_at("key", "there is no quantized layer " + in_quotes(name) + did_you_mean(name, layers));
    if (!seen.insert(name).second) entry.fail_at("key", in_quotes(name) + " is there twice");
    record.layers.push_back(read_layer(name, entry.fields("value")));
  }
  return record;
}

QuantRecord read_record_file(const std::filesystem::path& path, std::span<const std::string> layers) {
  return parse_record_text(read_file(path, DocumentLimits().max_bytes), path.string(), layers);
}

void write_record_file(const std::filesystem::path& path, const QuantRecord& record) {
  make_parent_folders(path);
  write_file_atomically(path, text(kCommentStart, to_text(kRecordFormat), '\n', to_record_text(record)));
}

}  // namespace octet
