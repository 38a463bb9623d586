// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/protobuf_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/config/real_text.h"

namespace octet {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;
using Tree = TextFormat::ParseInfoTree;
using Location = TextFormat::ParseLocation;

// The text and where its lines start.
class Lines {
 public:
  Lines(std::string_view text, std::string source)
      : text_(text), source_(std::make_shared<const std::string>(std::move(source))) {
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') starts_.push_back(i + 1);
  }

  // Protobuf counts lines and columns from 0, and lets a tab reach to the next multiple of eight columns.
  std::size_t offset(const Location& location) {
    const auto line = static_cast<std::size_t>(location.line);
    const std::size_t start = starts_[line], end = line + 1 < starts_.size() ? starts_[line + 1] : text_.size();
    if (line != measured_) measure(line, text_.substr(start, end - start));
    if (columns_.empty()) return std::min(start + static_cast<std::size_t>(location.column), text_.size());
    return start + static_cast<std::size_t>(std::ranges::lower_bound(columns_, location.column) - columns_.begin());
  }
  Position position_at(std::size_t at) const {
    const auto next = std::ranges::upper_bound(starts_, at);
    const std::size_t column = at - *(next - 1);
    return {source_, static_cast<int>(next - starts_.begin()), static_cast<int>(column) + 1};
  }
  Position position(const Location& location) { return position_at(offset(location)); }
  std::string_view between(const TextFormat::ParseLocationRange& range) {
    const std::size_t start = offset(range.start);
    return text_.substr(start, offset(range.end) - start);
  }
  Position whole() const { return {source_, 0, 0}; }

 private:
  void measure(std::size_t line, std::string_view text) {
    constexpr int kTab = 8;
    measured_ = line;
    columns_.clear();
    if (text.find('\t') == std::string_view::npos) return;
    int column = 0;
    for (const char c : text) {
      columns_.push_back(column);
      column += c == '\t' ? kTab - column % kTab : 1;
    }
  }

  std::string_view text_;
  std::shared_ptr<const std::string> source_;
  std::vector<std::size_t> starts_ = {0};
  // The column of each byte of the line that was asked for last; empty if that is just its place.
  std::size_t measured_ = std::string_view::npos;
  std::vector<int> columns_;
};

// Keeps the first complaint.
class Complaint final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (message_.empty()) {
      location_ = Location(line, column);
      message_ = message;
    }
  }
  [[noreturn]] void fail_at(Lines& lines) const {
    const Position where = location_.line < 0 ? lines.whole() : lines.position(location_);
    fail(where.prefix(), message_.empty() ? "not in protobuf's text form" : printable(message_));
  }

 private:
  Location location_;
  std::string message_;
};

// Whether a field is written as a list: name: [a, b], perhaps with comments in between.
bool is_list(std::string_view written) {
  const std::size_t name_end = written.find_first_of(" \t\r\n\v\f:[#\"'");
  const std::size_t value = written.find_first_not_of(" \t\r\n\v\f:", name_end);
  return value != std::string_view::npos && (written[value] == '[' || written[value] == '#');
}

// Offsets of the items of a list.
std::vector<std::size_t> list_items(std::string_view written) {
  google::protobuf::io::ArrayInputStream input(written.data(), static_cast<int>(written.size()));
  Complaint none;
  google::protobuf::io::Tokenizer tokenizer(&input, &none);
  tokenizer.set_comment_style(google::protobuf::io::Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_allow_f_after_float(true);
  tokenizer.set_require_space_after_number(false);
  Lines lines(written, "");  // whose tabs end where the tokenizer's do
  std::vector<std::size_t> items;
  int depth = 0;
  bool first = false;  // the next token starts an item
  while (tokenizer.Next()) {
    const std::string& token = tokenizer.current().text;
    if (first && token != "]")
      items.push_back(lines.offset(Location(tokenizer.current().line, tokenizer.current().column)));
    first = (depth == 0 && token == "[") || (depth == 1 && token == ",");
    depth += token == "[" || token == "{" || token == "<";
    depth -= token == "]" || token == "}" || token == ">";
  }
  return items;
}

class Converter {
 public:
  explicit Converter(Lines& lines) : lines_(lines) {}

  // `tree` may be null: all is then at `where`.
  Document convert(const Message& message, const Tree* tree, const Position& where) const {
    Document::Map members;
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (!field->is_repeated()) {
        const Position start = find(*field, -1, tree, where);
        members.push_back({field->name(), value(message, *field, -1, tree, start), start});
        continue;
      }
      const std::vector<Position> places = item_positions(*field, tree);
      const Position start = places.empty() ? where : places.front();
      Document list = Document::list().placed(find(*field, 0, tree, where));
      for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
        const auto at = static_cast<std::size_t>(i);
        list.append(value(message, *field, i, tree, at < places.size() ? places[at] : start));
      }
      members.push_back({field->name(), std::move(list), start});
    }
    return Document::map(std::move(members)).placed(where);
  }

 private:
  // Of a message that is there twice the tree knows the first only; what the second added is then at `where`.
  Position find(const FieldDescriptor& field, int index, const Tree* tree, const Position& where) const {
    const Location location = tree ? tree->GetLocation(&field, index) : Location();
    return location.line < 0 ? where : lines_.position(location);
  }

  // Where the items of a repeated field stand. The tree has one entry for all of [a, b].
  std::vector<Position> item_positions(const FieldDescriptor& field, const Tree* tree) const {
    std::vector<Position> places;
    for (int entry = 0; tree; ++entry) {
      const TextFormat::ParseLocationRange range = tree->GetLocationRange(&field, entry);
      if (range.start.line < 0 || range.end.line < 0) break;
      const std::string_view written = lines_.between(range);
      const std::size_t start = lines_.offset(range.start);
      if (is_list(written))
        for (const std::size_t item : list_items(written)) places.push_back(lines_.position_at(start + item));
      else
        places.push_back(lines_.position_at(start));
    }
    return places;
  }

  Document value(const Message& message, const FieldDescriptor& field, int index, const Tree* tree,
                 const Position& where) const {
    const Reflection& values = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        const Message& nested =
            index < 0 ? values.GetMessage(message, &field) : values.GetRepeatedMessage(message, &field, index);
        return convert(nested, tree ? tree->GetTreeForNested(&field, index) : nullptr, where);
      }
      case FieldDescriptor::CPPTYPE_STRING:
        return Document(index < 0 ? values.GetString(message, &field)
                                  : values.GetRepeatedString(message, &field, index))
            .placed(where, /*quoted=*/true);
      case FieldDescriptor::CPPTYPE_ENUM:
        refuse_number(field, tree);
        return Document(values.GetEnum(message, &field)->name()).placed(where);
      case FieldDescriptor::CPPTYPE_BOOL:
        return Document(values.GetBool(message, &field)).placed(where);
      case FieldDescriptor::CPPTYPE_FLOAT: {
        const float real =
            index < 0 ? values.GetFloat(message, &field) : values.GetRepeatedFloat(message, &field, index);
        return Document(static_cast<double>(real)).placed(where);
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return Document(index < 0 ? values.GetInt32(message, &field) : values.GetRepeatedInt32(message, &field, index))
            .placed(where);
      case FieldDescriptor::CPPTYPE_UINT32:
        return Document(index < 0 ? values.GetUInt32(message, &field)
                                  : values.GetRepeatedUInt32(message, &field, index))
            .placed(where);
      default:
        fail(where.prefix(), field.name(), ": a type that no format of ours has");
    }
  }

  // Protobuf also takes an enumerator's number, which means nothing in this format.
  void refuse_number(const FieldDescriptor& field, const Tree* tree) const {
    const auto range = tree ? tree->GetLocationRange(&field, -1) : TextFormat::ParseLocationRange();
    if (range.start.line < 0 || range.end.line < 0) return;
    const std::string_view written = lines_.between(range);
    const std::size_t last = written.find_last_not_of(" \t\n,;");
    if (last != std::string_view::npos && written[last] >= '0' && written[last] <= '9' &&
        written.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos)
      fail(lines_.position(range.start).prefix(), field.name(), ": expected a name, got a number");
  }

  Lines& lines_;
};

class ShortFloats final : public TextFormat::FastFieldValuePrinter {
 public:
  void PrintFloat(float value, TextFormat::BaseTextGenerator* out) const override {
    out->PrintString(real_text(value));
  }
};

}  // namespace

Document parse_protobuf_text(std::string_view text, std::string source, Message& message) {
  const FloatEnvironment numbers;
  const std::size_t limit = DocumentLimits().max_bytes;
  require(text.size() <= limit, source, ": longer than ", limit, " bytes");
  Lines lines(text, std::move(source));
  if (const std::size_t bad = invalid_utf8_at(text); bad != std::string_view::npos) {
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bad), '\n');
    fail(lines.position(Location(static_cast<int>(line), 0)).prefix(), "a byte of this line is not UTF-8");
  }
  Complaint complaint;
  Tree tree;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&complaint);
  parser.WriteLocationsTo(&tree);
  // Merge, because Parse would refuse a single value that is there twice.
  if (!parser.MergeFromString(std::string(text), &message)) complaint.fail_at(lines);
  return Converter(lines).convert(message, &tree, lines.whole());
}

std::string to_protobuf_text(const Message& message) {
  const FloatEnvironment numbers;
  TextFormat::Printer printer;
  printer.SetDefaultFieldValuePrinter(new ShortFloats);  // the printer owns it
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

}  // namespace octet
