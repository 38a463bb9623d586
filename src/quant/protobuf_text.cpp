// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/protobuf_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/quant/real_text.h"

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
    constexpr int kTab = 8;
    if (location.line != last_.line || location.column < last_.column) {
      last_ = Location(location.line, 0);
      last_offset_ = starts_[static_cast<std::size_t>(location.line)];
    }
    for (; last_.column < location.column && last_offset_ < text_.size(); ++last_offset_)
      last_.column += text_[last_offset_] == '\t' ? kTab - last_.column % kTab : 1;
    return last_offset_;
  }
  Position position(const Location& location) {
    const std::size_t column = offset(location) - starts_[static_cast<std::size_t>(location.line)];
    return {source_, location.line + 1, static_cast<int>(column) + 1};
  }
  std::string_view between(const TextFormat::ParseLocationRange& range) {
    const std::size_t start = offset(range.start);
    return text_.substr(start, offset(range.end) - start);
  }
  Position whole() const { return {source_, 0, 0}; }

 private:
  std::string_view text_;
  std::shared_ptr<const std::string> source_;
  std::vector<std::size_t> starts_ = {0};
  // Where offset() was asked for last: a list of a million numbers on one line shall not be walked a million times.
  Location last_;
  std::size_t last_offset_ = 0;
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
    fail(where.prefix(), message_.empty() ? "not in protobuf's text form" : message_);
  }

 private:
  Location location_;
  std::string message_;
};

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
        members.push_back({field->name(), value(message, *field, -1, tree, where), find(*field, -1, tree, where)});
        continue;
      }
      Document list = Document::list().placed(find(*field, 0, tree, where));
      for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i)
        list.append(value(message, *field, i, tree, where));
      const Position start = list.position();
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

  Document value(const Message& message, const FieldDescriptor& field, int index, const Tree* tree,
                 const Position& parent) const {
    const Position where = find(field, index, tree, parent);
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
  TextFormat::Printer printer;
  printer.SetDefaultFieldValuePrinter(new ShortFloats);  // the printer owns it
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

}  // namespace octet
