// SPDX-License-Identifier: Apache-2.0
#include "octet/config/fields.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/nearest.h"
#include "octet/base/number_text.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

using Kind = Document::Kind;

constexpr std::size_t kMistakesShown = 50;

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

void Mistakes::note(const Position& position, std::string message) {
  notes_.push_back({position.line, position.column, std::move(message)});
}

void Mistakes::throw_if_any(const std::string& source) const {
  if (notes_.empty()) return;
  if (notes_.size() == 1) fail(notes_.front().message);
  std::vector<Note> sorted = notes_;
  std::ranges::stable_sort(sorted, {}, [](const Note& note) { return std::pair(note.line, note.column); });
  std::string lines;
  for (const Note& note : std::span(sorted).first(std::min(kMistakesShown, sorted.size())))
    lines += "\n  " + note.message;
  if (sorted.size() > kMistakesShown) lines += text("\n  and ", sorted.size() - kMistakesShown, " more");
  fail(source, source.empty() ? "" : ": ", sorted.size(), " mistakes:", lines);
}

Fields::Fields(const Document& map, std::string name) : map_(&map), name_(std::move(name)), position_(map.position()) {
  if (!map.is_null() && map.kind() != Kind::kMap) fail_kind(map, name_, "a map");
}

Fields::Fields(const Document& map, std::string name, Mistakes& mistakes) : Fields(map, std::move(name)) {
  mistakes_ = &mistakes;
}

template <typename T, typename Check>
T Fields::get(std::string_view key, const std::optional<T>& fallback, T stand_in, Check check) {
  const Document* found = value(key, fallback.has_value());
  if (!found) return fallback.value_or(stand_in);
  T result = std::move(stand_in);
  attempt(key, *found, [&](const Document& value) { result = check(value, path_of(key)); });
  return result;
}

bool Fields::get_bool(std::string_view key, std::optional<bool> fallback) {
  return get(key, fallback, false, checked_bool);
}

std::int64_t Fields::get_int(std::string_view key, IntRange range, std::optional<std::int64_t> fallback) {
  return get(key, fallback, std::clamp<std::int64_t>(1, range.min, range.max),
             [&](const Document& found, const std::string& path) { return checked_int(found, path, range); });
}

double Fields::get_real(std::string_view key, RealRange range, std::optional<double> fallback) {
  return get(key, fallback, std::clamp(1.0, range.min, range.max),
             [&](const Document& found, const std::string& path) { return checked_real(found, path, range); });
}

std::string Fields::get_string(std::string_view key, std::optional<std::string> fallback) {
  return get(key, fallback, std::string(), checked_string);
}

std::vector<std::int64_t> Fields::get_ints(std::string_view key, IntRange range,
                                           std::optional<std::vector<std::int64_t>> fallback) {
  return get(key, fallback, std::vector<std::int64_t>(), [&](const Document& found, const std::string& path) {
    return checked_list(found, path,
                        [&](const Document& item, const std::string& at) { return checked_int(item, at, range); });
  });
}

std::vector<double> Fields::get_reals(std::string_view key, RealRange range,
                                      std::optional<std::vector<double>> fallback) {
  return get(key, fallback, std::vector<double>(), [&](const Document& found, const std::string& path) {
    return checked_list(found, path,
                        [&](const Document& item, const std::string& at) { return checked_real(item, at, range); });
  });
}

std::vector<std::string> Fields::get_strings(std::string_view key, std::optional<std::vector<std::string>> fallback) {
  return get(key, fallback, std::vector<std::string>(),
             [](const Document& found, const std::string& path) { return checked_list(found, path, checked_string); });
}

Fields Fields::child(std::string_view key, const Document* found) {
  static const Document kNothing;
  Fields child(kNothing, path_of(key));
  child.position_ = position_;
  if (found) {
    child.deaf_ = true;  // unless it is a map
    attempt(key, *found, [&](const Document& map) { child = Fields(map, path_of(key)); });
  }
  child.mistakes_ = mistakes_;
  return child;
}

Fields Fields::fields(std::string_view key) { return child(key, value(key, /*optional=*/true)); }

Fields Fields::section(std::string_view key) {
  const Document* const found = value(key, /*optional=*/true);
  if (!found) note_missing("section", key);
  Fields section = child(key, found);
  section.deaf_ = section.deaf_ || !found;
  return section;
}

std::vector<Fields> Fields::fields_list(std::string_view key) {
  const Document* found = value(key, /*optional=*/true);
  std::vector<Fields> list;
  if (!found) return list;
  attempt(key, *found, [&](const Document& items) {
    list = checked_list(items, path_of(key),
                        [](const Document& item, const std::string& path) { return Fields(item, path); });
  });
  for (Fields& item : list) item.mistakes_ = mistakes_;
  return list;
}

const Document* Fields::find(std::string_view key) { return value(key, /*optional=*/true); }

void Fields::finish() const {
  std::vector<std::string> told = known_;
  for (const Missing& missing : missing_) {
    const std::string near = nearest_name(missing.key, strangers());
    mistakes_->note(position_, missing_text(missing, near));
    told.push_back(near);  // which is the missing one, misspelled
  }
  if (deaf_ || map_->is_null()) return;
  for (const Document::Member& member : map_->members()) {
    if (std::ranges::find(told, member.key) != told.end()) continue;
    if (!mistakes_) fail(unknown_text(member));
    mistakes_->note(member.position, unknown_text(member));
  }
}

std::string Fields::unknown_text(const Document::Member& member) const {
  std::string hint = did_you_mean(member.key, known_);
  if (hint.empty()) {
    for (const std::string& key : known_) hint += (hint.empty() ? "; known keys: " : ", ") + key;
  }
  return text(member.position.prefix(), "unknown key ", in_quotes(member.key),
              name_.empty() ? "" : " in " + printable(name_), hint);
}

void Fields::fail_at(std::string_view key, std::string_view rule) const {
  const Document* found = map_->is_null() ? nullptr : map_->find(key);
  const Position& position = found ? found->position() : position_;
  std::string message = text(position.prefix(), printable(path_of(key)), ": ", rule);
  if (!mistakes_) fail(message);
  note(key, position, std::move(message));
}

void Fields::note(std::string_view key, const Position& position, std::string message) const {
  if (deaf_ || std::ranges::find(wrong_, key) != wrong_.end()) return;
  wrong_.emplace_back(key);
  mistakes_->note(position, std::move(message));
}

const Document* Fields::value(std::string_view key, bool optional) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const Document* found = map_->is_null() ? nullptr : map_->find(key);
  if (found && !found->is_null()) return found;
  if (optional) return nullptr;
  if (!found)
    note_missing("key", key);
  else
    attempt(key, *found, [&](const Document& null) { fail_value(null, path_of(key), "the value is missing"); });
  return nullptr;
}

void Fields::note_missing(const char* what, std::string_view key) {
  const Missing missing{what, std::string(key)};
  if (!mistakes_) fail(missing_text(missing, nearest_name(key, strangers())));
  if (!deaf_ && std::ranges::find(wrong_, key) == wrong_.end()) missing_.push_back(missing);
  wrong_.emplace_back(key);
}

std::string Fields::missing_text(const Missing& missing, const std::string& near) const {
  return text(position_.prefix(), "missing ", missing.what, ' ', in_quotes(missing.key),
              name_.empty() ? "" : " in " + printable(name_),
              near.empty() ? "" : " (there is " + in_quotes(near) + ")");
}

std::vector<std::string> Fields::strangers() const {
  std::vector<std::string> strangers;
  if (map_->is_null()) return strangers;
  for (const Document::Member& member : map_->members())
    if (std::ranges::find(known_, member.key) == known_.end()) strangers.push_back(member.key);
  return strangers;
}

std::optional<std::size_t> Fields::choose(std::string_view key, const std::vector<std::string>& names, bool optional) {
  std::optional<std::size_t> index;
  const Document* const found = value(key, optional);
  if (found) {
    attempt(key, *found, [&](const Document& value) {
      const std::string name = checked_string(value, path_of(key));
      const auto chosen = std::ranges::find(names, name);
      if (chosen != names.end()) {
        index = static_cast<std::size_t>(chosen - names.begin());
        return;
      }
      std::string list;
      for (const std::string& valid : names) list += (list.empty() ? "" : ", ") + valid;
      fail_value(value, path_of(key), "expected one of ", list, ", got ", in_quotes(name), did_you_mean(name, names));
    });
  }
  deaf_ = deaf_ || (!index && (found || !optional));  // which other keys there may be depends on this one
  return index;
}

std::string Fields::path_of(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + '.' + std::string(key);
}

}  // namespace octet
