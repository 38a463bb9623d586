// SPDX-License-Identifier: Apache-2.0
// Document: what a JSON or YAML file says, as plain values that remember where they stood. fields.h reads
// configurations from it.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace octet {

/// Where a value or a key stood. Lines and columns count from 1, columns in bytes; 0 means that only the source is
/// known (`--set training.lr`). Values made in code have no source.
struct Position {
  std::shared_ptr<const std::string> source;
  int line = 0, column = 0;

  /// "fashion.yaml:12:5", "--set training.lr" or "".
  std::string to_string() const;
  /// to_string() and ": " as the start of a message, or "".
  std::string prefix() const;
};

/// null, boolean, integer, real, string, list, or map with unique keys in the order of the file. 1 is an integer and
/// 1.0 a real.
class Document {
 public:
  enum class Kind { kNull, kBool, kInteger, kReal, kString, kList, kMap };
  struct Member;
  using List = std::vector<Document>;
  using Map = std::vector<Member>;

  Document();                        ///< null
  Document(bool value);              // NOLINT: implicit on purpose, as are the next ones
  Document(double value);            // NOLINT
  Document(std::string value);       // NOLINT
  Document(std::string_view value);  // NOLINT
  Document(const char* value);       // NOLINT
  template <std::integral T>
  Document(T value) : Document(Integer{checked(value)}) {}  // NOLINT
  Document(const void*) = delete;                           ///< a pointer would become a boolean

  Document(const Document&);
  Document(Document&&) noexcept;
  Document& operator=(const Document&);
  Document& operator=(Document&&) noexcept;
  ~Document();

  /// Document::list({1, 2.5, "three"}).
  static Document list(List items = {});
  /// Document::map({{"epoch", 3}, {"loss", 0.25}}). Throws Error (position) for a key that is there twice.
  static Document map(Map members);
  static Document map();

  Kind kind() const { return static_cast<Kind>(value_.index()); }
  bool is_null() const { return kind() == Kind::kNull; }
  const Position& position() const { return position_; }
  /// True for strings that are marked as such: in quotes (JSON's always are), a YAML block, or tagged !!str. A YAML
  /// scalar without any of these is a string if it is nothing else.
  bool is_quoted() const { return quoted_; }
  /// For messages: `the string "ten"`, `the integer 3`, `a list`.
  std::string describe() const;

  /// The value. These throw Error (position, expected and actual kind) if the kind is another; as_real also takes
  /// integers.
  bool as_bool() const;
  std::int64_t as_integer() const;
  double as_real() const;
  /// as_real(), or what to_json() writes for a real that JSON has no number for: "nan", "inf" and "-inf".
  double as_real_or_not_finite() const;
  const std::string& as_string() const;
  const List& items() const;
  const Map& members() const;

  /// The value of a key of this map, or null pointer. Searches in order: for maps of many keys walk members() instead.
  const Document* find(std::string_view key) const;
  /// The same for a key that must be there. Throws Error (position, key, nearest key).
  const Document& at(std::string_view key) const;

  /// Appends to this list. Returns the new item.
  Document& append(Document value);
  /// Adds a member to this map. Throws Error if the key is there. Returns the new value.
  Document& add(std::string key, Document value);

  /// What `--set training.lr=0.1` does: sets a value below this map, or below null, which becomes a map; missing maps
  /// on the way are made. `train_transforms[0].size` leads through the first item of a list. `value` is read as YAML
  /// (0.1, true, text, [1, 2]); its position then says `--set training.lr`. Throws Error if the path leads through
  /// something that is not a map, or not a list with such an item; this then stays as it was.
  void set(std::string_view path, std::string_view value);

  /// The same value at another position; `quoted` as in is_quoted(). For readers.
  Document placed(Position position, bool quoted = false) &&;

 private:
  struct Integer {
    std::int64_t value;
  };
  explicit Document(Integer value);
  void place_all(const Position& position);
  /// Throws Error for unsigned values above the largest int64.
  template <std::integral T>
  static std::int64_t checked(T value) {
    if (!std::in_range<std::int64_t>(value)) fail_integer_range(static_cast<std::uint64_t>(value));
    return static_cast<std::int64_t>(value);
  }
  [[noreturn]] static void fail_integer_range(std::uint64_t value);
  [[noreturn]] void fail_kind(std::string_view expected) const;

  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> value_;
  Position position_;
  bool quoted_ = false;
};

struct Document::Member {
  std::string key;
  Document value;
  Position position = {};  ///< of the key
};

/// What a reader accepts at most.
struct DocumentLimits {
  std::uint64_t max_bytes = 16 << 20;
  int max_depth = 64;  ///< lists and maps within each other
  std::int64_t max_nodes = 1'000'000;
};

/// Reads one JSON value (RFC 8259). `source` names it in messages, usually a path. Throws Error (source, line, column)
/// for a syntax error, a duplicate key, an integer beyond 64 bits, text that is not UTF-8, or an exceeded limit.
Document parse_json(std::string_view text, std::string source, const DocumentLimits& limits = {});

/// Reads one YAML document with the scalars of YAML 1.2's core schema: yes, no, on and off are strings. Throws Error as
/// parse_json, and for anchors, aliases, tags other than !!str, keys that are not scalars, and a second document.
/// An empty text is null.
Document parse_yaml(std::string_view text, std::string source, const DocumentLimits& limits = {});

/// JSON text: on one line, or with `indent` > 0 spread over lines. Reals are written with the fewest digits that read
/// back as the same value and always look like reals (1.0); what JSON has no number for becomes the string "nan", "inf"
/// or "-inf". Control characters (is_control of utf8.h) are escaped. Throws Error if a string is not UTF-8.
std::string to_json(const Document& document, int indent = 0);

}  // namespace octet
