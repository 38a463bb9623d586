// SPDX-License-Identifier: Apache-2.0
// to_json of document.h.
#include <cmath>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/number_text.h"
#include "octet/base/utf8.h"
#include "octet/config/document.h"

namespace octet {
namespace {

void write_string(std::string& out, std::string_view text) {
  require(invalid_utf8_at(text) == std::string_view::npos, "to_json: ", in_quotes(text), " is not UTF-8");
  constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto [length, code] = first_character(text.substr(i));
    const char c = text[i];
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_control(code)) {  // none has more than four digits
      out += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[code >> shift & 15];
    } else {
      out += text.substr(i, length);
    }
    i += length;
  }
  out += '"';
}

void write_real(std::string& out, double value) {
  const std::string digits = shortest_text(value);
  std::isfinite(value) ? void(out += digits) : write_string(out, digits);
}

/// Writes values below each other, or beside each other if indent is 0.
class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void write(const Document& value) {
    switch (value.kind()) {
      case Document::Kind::kNull:
        out_ += "null";
        break;
      case Document::Kind::kBool:
        out_ += value.as_bool() ? "true" : "false";
        break;
      case Document::Kind::kInteger:
        out_ += std::to_string(value.as_integer());
        break;
      case Document::Kind::kReal:
        write_real(out_, value.as_real());
        break;
      case Document::Kind::kString:
        write_string(out_, value.as_string());
        break;
      case Document::Kind::kList:
        write_all('[', value.items(), ']', [&](const Document& item) { write(item); });
        break;
      case Document::Kind::kMap:
        write_all('{', value.members(), '}', [&](const Document::Member& member) {
          write_string(out_, member.key);
          out_ += ": ";
          write(member.value);
        });
        break;
    }
  }
  std::string take() { return std::move(out_); }

 private:
  template <typename Items, typename WriteItem>
  void write_all(char open, const Items& items, char close, WriteItem write_item) {
    out_ += open;
    ++depth_;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += indent_ > 0 ? "," : ", ";
      first = false;
      new_line();
      write_item(item);
    }
    --depth_;
    if (!first) new_line();
    out_ += close;
  }
  void new_line() {
    if (indent_ > 0) out_.append("\n").append(static_cast<std::size_t>(indent_ * depth_), ' ');
  }

  int indent_;
  int depth_ = 0;
  std::string out_;
};

}  // namespace

std::string to_json(const Document& document, int indent) {
  Writer writer(indent);
  writer.write(document);
  return writer.take();
}

}  // namespace octet
