// SPDX-License-Identifier: Apache-2.0
// parse_yaml of document.h, on yaml-cpp's events. yaml-cpp accepts more than a configuration should hold, so everything
// that could surprise is refused here: references, tags, several documents.
#include <algorithm>
#include <charconv>
#include <istream>
#include <limits>
#include <optional>
#include <streambuf>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/config/document_builder.h"

namespace octet {
namespace {

using detail::Place;

Place place_at(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes the digits at the start of `text` away. Returns how many there were.
std::size_t take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  text.remove_prefix(count);
  return count;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool looks_real(std::string_view text) {
  const auto take = [&](std::string_view any) {
    const bool found = !text.empty() && any.find(text.front()) != std::string_view::npos;
    if (found) text.remove_prefix(1);
    return found;
  };
  take("-+");
  std::size_t digits = take_digits(text);
  if (take(".")) digits += take_digits(text);
  if (digits == 0) return false;
  if (take("eE")) {
    take("-+");
    if (take_digits(text) == 0) return false;
  }
  return text.empty();
}

/// The digits of an integer in their base; none if `text` is not one.
struct Digits {
  std::string_view digits;
  int base = 10;
  bool negative = false;
};
std::optional<Digits> integer_digits(std::string_view text) {
  Digits found{text};
  if (text.starts_with("0x") || text.starts_with("0o")) {
    found = {text.substr(2), text[1] == 'x' ? 16 : 8};
  } else if (text.starts_with('-') || text.starts_with('+')) {
    found = {text.substr(1), 10, text.front() == '-'};
  }
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  const std::string_view allowed =
      kDigits.substr(0, found.base == 16 ? kDigits.npos : static_cast<std::size_t>(found.base));
  const bool all_digits = found.digits.find_first_not_of(allowed) == std::string_view::npos;
  return !found.digits.empty() && all_digits ? std::optional(found) : std::nullopt;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

/// `text` with directives such as "%YAML 1.2" made comments: yaml-cpp reads their numbers through the program's locale.
/// A version other than 1 stays, and is refused; places stay as they are.
std::string without_version(std::string_view text) {
  std::string plain(text);
  for (std::size_t line = 0; line < plain.size(); line = std::min(plain.find('\n', line), plain.size() - 1) + 1) {
    const std::string_view rest = std::string_view(plain).substr(line);
    if (rest.starts_with("%YAML 1.")) plain[line] = '#';
    if (!rest.starts_with('%') && !rest.starts_with('#') && !rest.starts_with('\n') && !rest.starts_with('\r')) break;
  }
  return plain;
}

/// A list or map in brackets, or one scalar, may not be longer: yaml-cpp reads them to their end before it says that
/// they begin, and takes up to 240 bytes for each of their bytes.
constexpr std::size_t kMaxYamlPiece = 1 << 19;

/// Gives a text in chunks, and ends when too much of it has been read since the parser last told an event.
class Chunks final : public std::streambuf {
 public:
  explicit Chunks(std::string& text) : text_(text) {}

  void event() { told_ = given_; }
  bool ended_early() const { return ended_early_; }

 private:
  int_type underflow() override {
    constexpr std::size_t kChunk = 2048;
    ended_early_ = ended_early_ || (given_ - told_ > kMaxYamlPiece && given_ < text_.size());
    const std::size_t count = ended_early_ ? 0 : std::min(kChunk, text_.size() - given_);
    if (count == 0) return traits_type::eof();
    char* const start = text_.data() + given_;
    setg(start, start, start + count);
    given_ += count;
    return traits_type::to_int_type(*start);
  }

  std::string& text_;
  std::size_t given_ = 0, told_ = 0;  ///< bytes; told_: when the last event came
  bool ended_early_ = false;
};

class Reader final : public YAML::EventHandler {
 public:
  Reader(std::string_view text, std::string source, const DocumentLimits& limits)
      : text_(text), builder_(text, std::move(source), limits) {
    // YAML allows no other control characters; yaml-cpp takes one of them (4) for the end of the text.
    const auto forbidden = [](char c) {
      return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    };
    const auto found = std::find_if(text.begin(), text.end(), forbidden);
    if (found != text.end())
      builder_.fail_at(detail::place_of(text, static_cast<std::size_t>(found - text.begin())), "control character");
  }

  Document read() {
    // yaml-cpp closes a quoted string by itself when the text ends behind a line break; not when a document ends there.
    std::string closed = without_version(text_);
    closed += closed.ends_with('\n') ? "...\n" : "\n...\n";
    Chunks chunks(closed);
    chunks_ = &chunks;
    std::istream stream(&chunks);
    try {
      YAML::Parser parser(stream);
      while (parser.HandleNextDocument(*this)) {
      }
    } catch (const YAML::Exception& error) {
      require_short_pieces();
      const bool unclosed = error.msg == YAML::ErrorMsg::DOC_IN_SCALAR;
      builder_.fail_at(place_at(error.mark), unclosed ? "a quoted string has no end" : error.msg);
    }
    require_short_pieces();
    return builder_.take();
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) builder_.fail_at(place_at(mark), "a second YAML document starts here");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    told(mark);
    refuse(mark, "", anchor);
    if (builder_.expects_key()) builder_.fail_at(place_at(mark), "a key has to be a scalar, not null");
    builder_.value(Document(), place_at(mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    builder_.fail_at(place_at(mark), "aliases (*name) are not supported");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    told(mark);
    const bool is_string = is_one_of(tag, {"!", "tag:yaml.org,2002:str"});
    refuse(mark, is_string ? "" : tag, anchor);
    if (builder_.expects_key())
      builder_.key(value, place_at(mark));
    else
      builder_.value(is_string ? Document(value) : plain(value, place_at(mark)), place_at(mark), is_string);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    told(mark);
    refuse_collection(mark, tag, anchor);
    builder_.begin_list(place_at(mark));
  }
  void OnSequenceEnd() override { builder_.end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    told(mark);
    refuse_collection(mark, tag, anchor);
    builder_.begin_map(place_at(mark));
  }
  void OnMapEnd() override { builder_.end(); }

 private:
  /// What comes after an early end is of no use.
  void require_short_pieces() {
    if (chunks_->ended_early())
      builder_.fail_at(last_, text("more than ", kMaxYamlPiece, " bytes in one list, map or scalar follow"));
  }
  void told(const YAML::Mark& mark) {
    require_short_pieces();
    chunks_->event();
    last_ = place_at(mark);
  }
  void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) builder_.fail_at(place_at(mark), "anchors (&name) are not supported");
    if (!is_one_of(tag, {"", "?"})) builder_.fail_at(place_at(mark), "the tag " + in_quotes(tag) + " is not supported");
  }
  void refuse_collection(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse(mark, tag, anchor);
    if (builder_.expects_key()) builder_.fail_at(place_at(mark), "a key has to be a scalar; is a bracket not closed?");
  }

  /// The value of a scalar without quotes and tag, by YAML 1.2's core schema. Null has been seen by yaml-cpp.
  Document plain(const std::string& value, Place place) {
    if (is_one_of(value, {"true", "True", "TRUE"})) return true;
    if (is_one_of(value, {"false", "False", "FALSE"})) return false;
    if (const std::optional<Digits> digits = integer_digits(value)) return integer(*digits, value, place);
    if (looks_real(value)) return real(value, place);
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (is_one_of(value, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return kInfinity;
    if (is_one_of(value, {"-.inf", "-.Inf", "-.INF"})) return -kInfinity;
    if (is_one_of(value, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
    return value;
  }

  Document integer(const Digits& digits, const std::string& value, Place place) {
    std::string text(digits.negative ? "-" : "");
    text += digits.digits;
    std::int64_t parsed = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), parsed, digits.base).ec != std::errc())
      builder_.fail_at(place, "the integer " + in_quotes(value) + " does not fit in 64 bits");
    return parsed;
  }

  Document real(std::string_view value, Place place) {
    double parsed = 0;
    const std::string_view text = value.substr(value.starts_with('+') ? 1 : 0);  // from_chars knows no plus
    if (std::from_chars(text.data(), text.data() + text.size(), parsed).ec != std::errc())
      builder_.fail_at(place, "the number " + in_quotes(value) + " does not fit in a double");
    return parsed;
  }

  std::string_view text_;
  detail::DocumentBuilder builder_;
  Chunks* chunks_ = nullptr;  ///< while the text is read
  Place last_;                ///< of the last event
  int documents_ = 0;
};

}  // namespace

Document parse_yaml(std::string_view text, std::string source, const DocumentLimits& limits) {
  const FloatEnvironment numbers;
  return Reader(text, std::move(source), limits).read();
}

}  // namespace octet
