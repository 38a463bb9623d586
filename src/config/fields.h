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

#include "octet/base/error.h"
#include "octet/config/document.h"

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

/// What is wrong with a configuration. Fields that are given one note their mistakes there and read on, so that a user
/// is told all of them at once.
class Mistakes {
 public:
  void note(const Position& position, std::string message);
  bool empty() const { return notes_.empty(); }
  /// Throws Error if there is a mistake: its message, or "exp.yaml: 3 mistakes:" and a line for each, in the order of
  /// the file.
  void throw_if_any(const std::string& source) const;

 private:
  struct Note {
    int line, column;
    std::string message;
  };
  std::vector<Note> notes_;
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
///
/// With Mistakes nothing but the constructor throws: what is wrong is noted (missing and unknown keys in finish()), and
/// the getter gives some value of its type. Who goes on computing with it asks sound() first.
class Fields {
 public:
  /// The map, or null, which has no keys. `name` is what messages call it ("training"; "" at the top of a file).
  /// Throws Error if it is neither.
  explicit Fields(const Document& map, std::string name = "");
  Fields(const Document& map, std::string name, Mistakes& mistakes);

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
    if (!index && fallback) return *fallback;
    return (choices.begin() + index.value_or(0))->value;
  }

  /// The map under `key`; without keys if there is none.
  Fields fields(std::string_view key);
  /// The map under `key`, which must be there.
  Fields section(std::string_view key);
  /// The maps of the list under `key`, called key[0], key[1], ...; none if there is no list.
  std::vector<Fields> fields_list(std::string_view key);
  /// The plain value, or null pointer if the key is missing. For what the getters do not cover; see fail_at().
  const Document* find(std::string_view key);
  bool has(std::string_view key) { return find(key) != nullptr; }

  /// Throws Error if the map has a key that was never asked for: `unknown key "epoch" in training; did you mean
  /// "epochs"?`.
  void finish() const;

  /// Throws Error for a rule between keys: where `key` stands (or the map, if it is missing), its dotted name, `rule`.
  void fail_at(std::string_view key, std::string_view rule) const;
  /// The same unless `holds`. For rules that several keys have a part in: only where each is sound.
  void require_at(bool holds, std::string_view key, std::string_view rule) const {
    if (!holds && sound()) fail_at(key, rule);
  }
  /// What read(value) throws of the value of `key` is noted as a mistake, if they are.
  template <typename Read>
  void attempt(std::string_view key, const Document& value, Read read) {
    try {
      read(value);
    } catch (const Error& error) {
      if (!mistakes_) throw;
      note(key, value.position(), error.what());
    }
  }
  /// Whether no mistake has been found in this map. Always true without Mistakes.
  bool sound() const { return !deaf_ && wrong_.empty(); }

  const std::string& name() const { return name_; }

 private:
  struct Missing {
    std::string what, key;  ///< "key" or "section"
  };
  template <typename T, typename Check>
  T get(std::string_view key, const std::optional<T>& fallback, T stand_in, Check check);
  Fields child(std::string_view key, const Document* found);
  void note(std::string_view key, const Position& position, std::string message) const;
  void note_missing(const char* what, std::string_view key);
  std::string missing_text(const Missing& missing, const std::string& near) const;
  std::string unknown_text(const Document::Member& member) const;
  std::vector<std::string> strangers() const;
  /// The value of `key`, or null pointer if it is missing, which throws unless `optional`.
  const Document* value(std::string_view key, bool optional);
  std::optional<std::size_t> choose(std::string_view key, const std::vector<std::string>& names, bool optional);
  std::string path_of(std::string_view key) const;

  const Document* map_;  ///< a map or null
  std::string name_;
  Position position_;               ///< of the map; of its nearest parent if it is not there
  std::vector<std::string> known_;  ///< keys asked for

  Mistakes* mistakes_ = nullptr;
  mutable std::vector<std::string> wrong_;  ///< keys that have a mistake, which is noted
  std::vector<Missing> missing_;            ///< to be noted once all keys are known
  bool deaf_ = false;                       ///< what is wrong here, too, follows from a mistake that is noted
};

}  // namespace octet
