// SPDX-License-Identifier: Apache-2.0
// Fields: reads a configuration from a map and leaves no mistake in it unnoticed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octet/base/document.h"

namespace octet {

/// Allowed values, both ends included.
struct IntRange {
  std::int64_t min = std::numeric_limits<std::int64_t>::min(), max = std::numeric_limits<std::int64_t>::max();
};

/// Allowed values, ends included unless they are said to be open: `{.min = 0, .open_min = true}` is above 0. Infinity
/// and NaN are never allowed.
struct RealRange {
  double min = -std::numeric_limits<double>::infinity(), max = std::numeric_limits<double>::infinity();
  bool open_min = false, open_max = false;
};

/// A name in a configuration and the value it stands for.
template <typename T>
struct Choice {
  std::string_view name;
  T value;
};

/// Reads the keys of one map:
///
///     Fields training = experiment.fields("training");
///     const std::int64_t epochs = training.get_int("epochs", {1, 1000});          // must be there
///     const double decay = training.get_real("weight_decay", {.min = 0}, 5e-4);   // or 5e-4
///     training.finish();                                                          // no other keys
///
/// A getter throws Error with file, line and column if the key is missing and has no fallback, if the value has the
/// wrong type, or if it is out of range: `exp.yaml:7:10: training.epochs: expected an integer, got the string "ten"`.
/// A key without a value (null) counts as missing. The Document must outlive its Fields.
class Fields {
 public:
  /// The map, or null, which has no keys. `name` is what messages call it ("training"; "" at the top of a file).
  /// Throws Error if it is neither.
  explicit Fields(const Document& map, std::string name = "");

  bool get_bool(std::string_view key, std::optional<bool> fallback = {});
  std::int64_t get_int(std::string_view key, IntRange range, std::optional<std::int64_t> fallback = {});
  double get_real(std::string_view key, RealRange range, std::optional<double> fallback = {});
  std::string get_string(std::string_view key, std::optional<std::string> fallback = {});
  std::vector<std::int64_t> get_ints(std::string_view key, IntRange range,
                                     std::optional<std::vector<std::int64_t>> fallback = {});
  std::vector<double> get_reals(std::string_view key, RealRange range,
                                std::optional<std::vector<double>> fallback = {});
  std::vector<std::string> get_strings(std::string_view key, std::optional<std::vector<std::string>> fallback = {});
  /// One of a few names: `get_choice<Schedule>("schedule", {{"cosine", Schedule::kCosine}, {"step",
  /// Schedule::kStep}})`.
  template <typename T>
  T get_choice(std::string_view key, std::initializer_list<Choice<T>> choices, std::optional<T> fallback = {}) {
    std::vector<std::string> names;
    for (const Choice<T>& choice : choices) names.emplace_back(choice.name);
    const std::optional<std::size_t> index = choose(key, names, fallback.has_value());
    return index ? (choices.begin() + *index)->value : *fallback;
  }

  /// The map under `key`; without keys if there is none.
  Fields fields(std::string_view key);
  /// The maps of the list under `key`, called key[0], key[1], ...; none if there is no list.
  std::vector<Fields> fields_list(std::string_view key);
  /// The plain value, or null pointer if the key is missing. For what the getters do not cover; see fail_at().
  const Document* find(std::string_view key);
  bool has(std::string_view key) { return find(key) != nullptr; }

  /// Throws Error if the map has a key that was never asked for: `unknown key "epoch" in training; did you mean
  /// "epochs"?`.
  void finish() const;

  /// Throws Error for a rule between keys: where `key` stands (or the map, if it is missing), its dotted name, `rule`.
  [[noreturn]] void fail_at(std::string_view key, std::string_view rule) const;

  const std::string& name() const { return name_; }

 private:
  /// The value of `key`, or null pointer if it is missing, which throws unless `optional`.
  const Document* value(std::string_view key, bool optional);
  std::optional<std::size_t> choose(std::string_view key, const std::vector<std::string>& names, bool optional);
  std::string path_of(std::string_view key) const;

  const Document* map_;  ///< a map or null
  std::string name_;
  Position position_;               ///< of the map; of its nearest parent if it is not there
  std::vector<std::string> known_;  ///< keys asked for
};

}  // namespace octet
