// SPDX-License-Identifier: Apache-2.0
#include "octet/base/fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/nearest.h"
#include "octet/base/number_text.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

using Kind = Document::Kind;

template <typename... Parts>
[[noreturn]] void fail_value(const Document& value, const std::string& path, const Parts&... parts) {
  fail(value.position().prefix(), printable(path), path.empty() ? "" : ": ", parts...);
}

[[noreturn]] void fail_kind(const Document& value, const std::string& path, std::string_view expected) {
  fail_value(value, path, "expected ", expected, ", got ", value.describe());
}

/// "at least 1 and at most 10"; an empty side has no limit.
std::string limits_text(const std::string& low, const std::string& high) {
  return low + (low.empty() || high.empty() ? "" : " and ") + high;
}

bool checked_bool(const Document& value, const std::string& path) {
  if (value.kind() != Kind::kBool) fail_kind(value, path, "true or false");
  return value.as_bool();
}

std::int64_t checked_int(const Document& value, const std::string& path, IntRange range) {
  if (value.kind() != Kind::kInteger) fail_kind(value, path, "an integer");
  const std::int64_t number = value.as_integer();
  if (number >= range.min && number <= range.max) return number;
  const std::string low = range.min > IntRange().min ? text("at least ", range.min) : "";
  const std::string high = range.max < IntRange().max ? text("at most ", range.max) : "";
  fail_value(value, path, "has to be ", limits_text(low, high), " but is ", number);
}

double checked_real(const Document& value, const std::string& path, RealRange range) {
  if (value.kind() != Kind::kInteger && value.kind() != Kind::kReal) fail_kind(value, path, "a number");
  const double number = value.as_real();
  if (!std::isfinite(number)) fail_value(value, path, "expected a finite number, got ", value.describe());
  const bool above = range.open_min ? number > range.min : number >= range.min;
  const bool below = range.open_max ? number < range.max : number <= range.max;
  if (above && below) return number;
  const std::string low = (range.open_min ? "above " : "at least ") + shortest_text(range.min);
  const std::string high = (range.open_max ? "below " : "at most ") + shortest_text(range.max);
  fail_value(value, path, "has to be ",
             limits_text(std::isinf(range.min) ? "" : low, std::isinf(range.max) ? "" : high), " but is ",
             shortest_text(number));
}

std::string checked_string(const Document& value, const std::string& path) {
  if (value.kind() == Kind::kString) return value.as_string();
  const bool is_scalar = value.kind() != Kind::kList && value.kind() != Kind::kMap;
  fail_value(value, path, "expected a string, got ", value.describe(), is_scalar ? "; put it in quotes" : "");
}

/// check(item, "path[i]") of every item of a list.
template <typename Check>
auto checked_list(const Document& value, const std::string& path, Check check) {
  if (value.kind() != Kind::kList) fail_kind(value, path, "a list");
  std::vector<decltype(check(value, path))> checked;
  for (const Document& item : value.items()) checked.push_back(check(item, text(path, '[', checked.size(), ']')));
  return checked;
}

}  // namespace

Fields::Fields(const Document& map, std::string name) : map_(&map), name_(std::move(name)), position_(map.position()) {
  if (!map.is_null() && map.kind() != Kind::kMap) fail_kind(map, name_, "a map");
}

bool Fields::get_bool(std::string_view key, std::optional<bool> fallback) {
  const Document* found = value(key, fallback.has_value());
  return found ? checked_bool(*found, path_of(key)) : *fallback;
}

std::int64_t Fields::get_int(std::string_view key, IntRange range, std::optional<std::int64_t> fallback) {
  const Document* found = value(key, fallback.has_value());
  return found ? checked_int(*found, path_of(key), range) : *fallback;
}

double Fields::get_real(std::string_view key, RealRange range, std::optional<double> fallback) {
  const Document* found = value(key, fallback.has_value());
  return found ? checked_real(*found, path_of(key), range) : *fallback;
}

std::string Fields::get_string(std::string_view key, std::optional<std::string> fallback) {
  const Document* found = value(key, fallback.has_value());
  return found ? checked_string(*found, path_of(key)) : *fallback;
}

std::vector<std::int64_t> Fields::get_ints(std::string_view key, IntRange range,
                                           std::optional<std::vector<std::int64_t>> fallback) {
  const Document* found = value(key, fallback.has_value());
  if (!found) return *fallback;
  return checked_list(*found, path_of(key),
                      [&](const Document& item, const std::string& path) { return checked_int(item, path, range); });
}

std::vector<double> Fields::get_reals(std::string_view key, RealRange range,
                                      std::optional<std::vector<double>> fallback) {
  const Document* found = value(key, fallback.has_value());
  if (!found) return *fallback;
  return checked_list(*found, path_of(key),
                      [&](const Document& item, const std::string& path) { return checked_real(item, path, range); });
}

std::vector<std::string> Fields::get_strings(std::string_view key, std::optional<std::vector<std::string>> fallback) {
  const Document* found = value(key, fallback.has_value());
  return found ? checked_list(*found, path_of(key), checked_string) : *fallback;
}

Fields Fields::fields(std::string_view key) {
  static const Document kNothing;
  const Document* found = value(key, /*optional=*/true);
  Fields fields(found ? *found : kNothing, path_of(key));
  if (!found) fields.position_ = position_;
  return fields;
}

std::vector<Fields> Fields::fields_list(std::string_view key) {
  const Document* found = value(key, /*optional=*/true);
  if (!found) return {};
  return checked_list(*found, path_of(key),
                      [](const Document& item, const std::string& path) { return Fields(item, path); });
}

const Document* Fields::find(std::string_view key) { return value(key, /*optional=*/true); }

void Fields::finish() const {
  if (map_->is_null()) return;
  for (const Document::Member& member : map_->members()) {
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
    std::string hint = did_you_mean(member.key, known_);
    if (hint.empty()) {
      for (const std::string& key : known_) hint += (hint.empty() ? "; known keys: " : ", ") + key;
    }
    fail(member.position.prefix(), "unknown key ", in_quotes(member.key),
         name_.empty() ? "" : " in " + printable(name_), hint);
  }
}

void Fields::fail_at(std::string_view key, std::string_view rule) const {
  const Document* found = map_->is_null() ? nullptr : map_->find(key);
  fail((found ? found->position() : position_).prefix(), printable(path_of(key)), ": ", rule);
}

const Document* Fields::value(std::string_view key, bool optional) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const Document* found = map_->is_null() ? nullptr : map_->find(key);
  if (found && !found->is_null()) return found;
  if (optional) return nullptr;
  if (found) fail_value(*found, path_of(key), "the value is missing");
  std::vector<std::string> strangers;  // one of them may be the missing key, misspelled
  if (!map_->is_null()) {
    for (const Document::Member& member : map_->members())
      if (std::find(known_.begin(), known_.end(), member.key) == known_.end()) strangers.push_back(member.key);
  }
  const std::string near = nearest_name(key, strangers);
  fail(position_.prefix(), "missing key ", in_quotes(key), name_.empty() ? "" : " in " + printable(name_),
       near.empty() ? "" : " (there is " + in_quotes(near) + ")");
}

std::optional<std::size_t> Fields::choose(std::string_view key, const std::vector<std::string>& names, bool optional) {
  const Document* found = value(key, optional);
  if (!found) return std::nullopt;
  const std::string name = checked_string(*found, path_of(key));
  const auto chosen = std::find(names.begin(), names.end(), name);
  if (chosen != names.end()) return static_cast<std::size_t>(chosen - names.begin());
  std::string list;
  for (const std::string& valid : names) list += (list.empty() ? "" : ", ") + valid;
  fail_value(*found, path_of(key), "expected one of ", list, ", got ", in_quotes(name), did_you_mean(name, names));
}

std::string Fields::path_of(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + '.' + std::string(key);
}

}  // namespace octet
