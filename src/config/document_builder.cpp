// SPDX-License-Identifier: Apache-2.0
#include "octet/config/document_builder.h"

#include <algorithm>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet::detail {

Place place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t last_break = before.rfind('\n');  // npos + 1 is 0: the start of the text
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(before.size() - (last_break + 1)) + 1};
}

DocumentBuilder::DocumentBuilder(std::string_view text, std::string source, const DocumentLimits& limits)
    : source_(std::make_shared<const std::string>(std::move(source))), limits_(limits) {
  require(text.size() <= limits.max_bytes, *source_, ": ", text.size(), " bytes, more than the limit of ",
          limits.max_bytes);
  const std::size_t invalid = invalid_utf8_at(text);
  if (invalid != std::string_view::npos) fail_at(place_of(text, invalid), "not UTF-8");
}

void DocumentBuilder::value(Document value, Place place, bool quoted) {
  count_node(place);
  attach(std::move(value).placed(position(place), quoted));
}

void DocumentBuilder::key(std::string key, Place place) {
  open_.back().members.push_back({std::move(key), Document(), position(place)});
  open_.back().has_key = true;
}

void DocumentBuilder::begin(Document::Kind kind, Place place) {
  count_node(place);
  if (open_.size() >= static_cast<std::size_t>(limits_.max_depth))
    fail_at(place, text("more than ", limits_.max_depth, " levels of lists and maps"));
  open_.push_back({.is_map = kind == Document::Kind::kMap, .place = place, .items = {}, .members = {}});
}

void DocumentBuilder::end() {
  Open closed = std::move(open_.back());
  open_.pop_back();
  Document collection =
      closed.is_map ? Document::map(std::move(closed.members)) : Document::list(std::move(closed.items));
  attach(std::move(collection).placed(position(closed.place)));
}

void DocumentBuilder::count_node(Place place) {
  if (++nodes_ > limits_.max_nodes) fail_at(place, text("more than ", limits_.max_nodes, " values"));
}

void DocumentBuilder::attach(Document value) {
  if (open_.empty()) {
    root_ = std::move(value);
  } else if (Open& parent = open_.back(); parent.is_map) {
    parent.members.back().value = std::move(value);
    parent.has_key = false;
  } else {
    parent.items.push_back(std::move(value));
  }
}

void DocumentBuilder::fail_at(Place place, std::string_view message) const { fail(position(place).prefix(), message); }

}  // namespace octet::detail
