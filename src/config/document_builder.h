// SPDX-License-Identifier: Apache-2.0
// Private to base: builds a Document from the events of a parser, within limits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "octet/config/document.h"

namespace octet::detail {

/// Lines and columns from 1, columns in bytes.
struct Place {
  int line = 1, column = 1;
};

/// The place of a byte of `text`.
Place place_of(std::string_view text, std::size_t offset);

class DocumentBuilder {
 public:
  /// Throws Error if `text` is too long or not UTF-8: what both formats ask for.
  DocumentBuilder(std::string_view text, std::string source, const DocumentLimits& limits);

  void value(Document value, Place place, bool quoted = false);
  void begin_list(Place place) { begin(Document::Kind::kList, place); }
  void begin_map(Place place) { begin(Document::Kind::kMap, place); }
  /// The key of the next value. The innermost collection is a map.
  void key(std::string key, Place place);
  void end();

  /// True if the next event in this map has to be a key or the end.
  bool expects_key() const { return !open_.empty() && open_.back().is_map && !open_.back().has_key; }
  Document take() { return std::move(root_); }

  [[noreturn]] void fail_at(Place place, std::string_view message) const;

 private:
  /// A collection whose end has not been seen.
  struct Open {
    bool is_map;
    Place place;
    Document::List items;
    Document::Map members;
    bool has_key = false;  ///< the last of `members` waits for its value
  };

  void begin(Document::Kind kind, Place place);
  void count_node(Place place);
  void attach(Document value);
  Position position(Place place) const { return {source_, place.line, place.column}; }

  std::shared_ptr<const std::string> source_;
  DocumentLimits limits_;
  std::int64_t nodes_ = 0;
  std::vector<Open> open_;
  Document root_;
};

}  // namespace octet::detail
