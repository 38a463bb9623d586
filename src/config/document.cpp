// SPDX-License-Identifier: Apache-2.0
#include "octet/config/document.h"

#include <algorithm>
#include <limits>

#include "octet/base/error.h"
#include "octet/base/nearest.h"
#include "octet/base/number_text.h"
#include "octet/base/utf8.h"

namespace octet {

std::string Position::to_string() const {
  if (!source) return "";
  return line > 0 ? text(printable(*source), ':', line, ':', column) : printable(*source);
}

std::string Position::prefix() const {
  const std::string where = to_string();
  return where.empty() ? "" : where + ": ";
}

Document::Document() = default;
Document::Document(bool value) : value_(value) {}
Document::Document(double value) : value_(value) {}
Document::Document(std::string value) : value_(std::move(value)) {}
Document::Document(std::string_view value) : value_(std::string(value)) {}
Document::Document(const char* value) : value_(std::string(value)) {}
Document::Document(Integer value) : value_(value.value) {}
Document::Document(const Document&) = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(const Document&) = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Document Document::list(List items) {
  Document list;
  list.value_ = std::move(items);
  return list;
}

Document Document::map() { return map(Map()); }

Document Document::map(Map members) {
  // Sorted by key, equal keys in their order: quick for the largest maps that a file may hold.
  std::vector<const Member*> sorted;
  sorted.reserve(members.size());
  for (const Member& member : members) sorted.push_back(&member);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Member* a, const Member* b) { return a->key < b->key; });
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end(),
                                       [](const Member* a, const Member* b) { return a->key == b->key; });
  if (twin != sorted.end()) fail((*(twin + 1))->position.prefix(), "duplicate key ", in_quotes((*twin)->key));
  Document map;
  map.value_ = std::move(members);
  return map;
}

std::string Document::describe() const {
  switch (kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return as_bool() ? "true" : "false";
    case Kind::kInteger:
      return text("the integer ", as_integer());
    case Kind::kReal:
      return "the real " + shortest_text(as_real());
    case Kind::kString:
      return (quoted_ ? "the quoted string " : "the string ") + in_quotes(as_string());
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "";
}

bool Document::as_bool() const {
  if (kind() != Kind::kBool) fail_kind("true or false");
  return std::get<bool>(value_);
}

std::int64_t Document::as_integer() const {
  if (kind() != Kind::kInteger) fail_kind("an integer");
  return std::get<std::int64_t>(value_);
}

double Document::as_real() const {
  if (kind() == Kind::kInteger) return static_cast<double>(as_integer());
  if (kind() != Kind::kReal) fail_kind("a number");
  return std::get<double>(value_);
}

double Document::as_real_or_not_finite() const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (kind() == Kind::kString) {
    if (as_string() == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (as_string() == "inf") return kInfinity;
    if (as_string() == "-inf") return -kInfinity;
  }
  return as_real();
}

const std::string& Document::as_string() const {
  if (kind() != Kind::kString) fail_kind("a string");
  return std::get<std::string>(value_);
}

const Document::List& Document::items() const {
  if (kind() != Kind::kList) fail_kind("a list");
  return std::get<List>(value_);
}

const Document::Map& Document::members() const {
  if (kind() != Kind::kMap) fail_kind("a map");
  return std::get<Map>(value_);
}

const Document* Document::find(std::string_view key) const {
  for (const Member& member : members())
    if (member.key == key) return &member.value;
  return nullptr;
}

const Document& Document::at(std::string_view key) const {
  if (const Document* value = find(key)) return *value;
  std::vector<std::string> keys;
  for (const Member& member : members()) keys.push_back(member.key);
  fail(position_.prefix(), "no key ", in_quotes(key), did_you_mean(key, keys));
}

Document& Document::append(Document value) {
  if (kind() != Kind::kList) fail_kind("a list");
  return std::get<List>(value_).emplace_back(std::move(value));
}

Document& Document::add(std::string key, Document value) {
  require(find(key) == nullptr, position_.prefix(), "duplicate key ", in_quotes(key));
  return std::get<Map>(value_).emplace_back(Member{std::move(key), std::move(value)}).value;
}

Document Document::placed(Position position, bool quoted) && {
  position_ = std::move(position);
  quoted_ = quoted;
  return std::move(*this);
}

void Document::fail_integer_range(std::uint64_t value) {
  fail("the integer ", value, " does not fit in 64 bits with sign");
}

void Document::fail_kind(std::string_view expected) const {
  fail(position_.prefix(), "expected ", expected, ", got ", describe());
}

}  // namespace octet
