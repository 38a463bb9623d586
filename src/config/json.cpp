// SPDX-License-Identifier: Apache-2.0
// parse_json of document.h. nlohmann's parser reports what it reads but not where, so it is given a cursor
// that tells how far it has read: behind the last character of a token, or one further for numbers. The next token then
// starts at the first byte from there on that is not a blank, comma or colon.
#include <locale.h>

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/config/document_builder.h"

namespace octet {
namespace {

/// Gives this thread the numbers of the C locale for its lifetime: nlohmann's parser reads reals with strtod and with
/// the decimal point that the program's locale has.
class PlainNumbers {
 public:
  PlainNumbers() : plain_(::newlocale(LC_NUMERIC_MASK, "C", nullptr)), before_(::uselocale(plain_)) {}
  ~PlainNumbers() {
    ::uselocale(before_);
    if (plain_) ::freelocale(plain_);
  }
  PlainNumbers(const PlainNumbers&) = delete;
  PlainNumbers& operator=(const PlainNumbers&) = delete;

 private:
  locale_t plain_, before_;
};

/// An input iterator over characters that counts its steps.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* steps) : at_(at), steps_(steps) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*steps_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.at_ == b.at_; }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) { return a.at_ != b.at_; }

 private:
  const char* at_;
  std::size_t* steps_;
};

/// nlohmann's exception text without its number and its own line and column: "syntax error while ...". `what` may quote
/// the whole input.
std::string message_of(std::string_view what) {
  constexpr std::size_t kLongest = 200;
  if (const std::size_t bracket = what.find("] "); bracket != what.npos) what.remove_prefix(bracket + 2);
  if (what.starts_with("parse error at ")) what.remove_prefix(std::min(what.find(": ") + 2, what.size()));
  const std::string_view start = what.substr(0, kLongest);
  return std::string(start.substr(0, invalid_utf8_at(start))) + (what.size() > kLongest ? "..." : "");
}

class Reader {
 public:
  using Json = nlohmann::json;

  Reader(std::string_view text, std::string source, const DocumentLimits& limits)
      : text_(text), builder_(text, std::move(source), limits) {}

  Document read() {
    const PlainNumbers plain;
    const char* start = text_.data();
    Json::sax_parse(CountingIterator(start, &consumed_), CountingIterator(start + text_.size(), &consumed_), this);
    return builder_.take();
  }

  // The events of nlohmann's SAX interface. To return true is to go on.
  bool null() { return scalar(Document()); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(std::int64_t value) { return scalar(value); }
  bool number_unsigned(std::uint64_t value) {
    const detail::Place place = token();
    if (!std::in_range<std::int64_t>(value)) fail_integer(place);
    return scalar(static_cast<std::int64_t>(value), place);
  }
  bool number_float(double value, const std::string& digits) {
    const detail::Place place = token();
    // An integer that is too large for 64 bits arrives here as well.
    if (digits.find_first_of(".eE") == std::string::npos) fail_integer(place);
    return scalar(value, place);
  }
  bool string(std::string& value) {
    builder_.value(std::move(value), token(), /*quoted=*/true);
    return true;
  }
  bool binary(Json::binary_t&) { return false; }  // not in JSON text
  bool key(std::string& key) {
    builder_.key(std::move(key), token());
    return true;
  }
  bool start_object(std::size_t) {
    builder_.begin_map(token());
    return true;
  }
  bool start_array(std::size_t) {
    builder_.begin_list(token());
    return true;
  }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  bool parse_error(std::size_t characters_read, const std::string&, const nlohmann::detail::exception& error) {
    const std::size_t offset = std::min(std::max<std::size_t>(characters_read, 1) - 1, text_.size());
    builder_.fail_at(detail::place_of(text_, offset), message_of(error.what()));
  }

 private:
  bool scalar(Document value) { return scalar(std::move(value), token()); }
  bool scalar(Document value, detail::Place place) {
    builder_.value(std::move(value), place);
    return true;
  }
  bool end() {
    token();
    builder_.end();
    return true;
  }
  [[noreturn]] void fail_integer(detail::Place place) {
    builder_.fail_at(place, "the integer does not fit in 64 bits");
  }

  /// The place of the token that was just read; the next one is looked for behind it.
  detail::Place token() {
    std::size_t start = behind_;
    while (start < text_.size() && std::string_view(" \t\r\n,:").find(text_[start]) != std::string_view::npos) ++start;
    advance(start);
    const detail::Place place = place_;
    advance(std::max(consumed_, start));
    return place;
  }
  void advance(std::size_t offset) {
    for (; behind_ < offset; ++behind_) {
      if (text_[behind_] == '\n')
        place_ = {place_.line + 1, 1};
      else
        ++place_.column;
    }
  }

  std::string_view text_;
  detail::DocumentBuilder builder_;
  std::size_t consumed_ = 0;  ///< characters that the parser has taken
  std::size_t behind_ = 0;    ///< where the last token ended
  detail::Place place_;       ///< of behind_
};

}  // namespace

Document parse_json(std::string_view text, std::string source, const DocumentLimits& limits) {
  const FloatEnvironment numbers;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return Reader(text, std::move(source), limits).read();
}

}  // namespace octet
