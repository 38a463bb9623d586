// SPDX-License-Identifier: Apache-2.0
// Document::set: one value of a configuration, overridden from the command line.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "octet/base/document.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

/// The names between the dots.
std::vector<std::string> keys_of(std::string_view path, const Position& position) {
  std::vector<std::string> keys;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    require(end > start, position.prefix(), "a name in the path is empty");
    keys.emplace_back(path.substr(start, end - start));
    start = end + 1;
  }
  const auto max_depth = static_cast<std::size_t>(DocumentLimits().max_depth);
  require(keys.size() <= max_depth, position.prefix(), "the path has more than ", max_depth, " names");
  return keys;
}

/// The first `count` keys as a path.
std::string joined(const std::vector<std::string>& keys, std::size_t count) {
  std::string path = keys[0];
  for (std::size_t i = 1; i < count; ++i) path += '.' + keys[i];
  return path;
}

}  // namespace

void Document::place_all(const Position& position) {
  position_ = position;
  if (auto* items = std::get_if<List>(&value_))
    for (Document& item : *items) item.place_all(position);
  if (auto* members = std::get_if<Map>(&value_)) {
    for (Member& member : *members) {
      member.position = position;
      member.value.place_all(position);
    }
  }
}

void Document::set(std::string_view path, std::string_view value) {
  const Position position{std::make_shared<const std::string>("--set " + std::string(path))};
  Document parsed = parse_yaml(value, *position.source);
  parsed.place_all(position);
  const std::vector<std::string> keys = keys_of(path, position);

  Document* target = this;
  for (std::size_t depth = 0; depth < keys.size(); ++depth) {
    if (target->is_null()) *target = map().placed(position);
    require(target->kind() == Kind::kMap, position.prefix(), depth ? printable(joined(keys, depth)) : "the top", " is ",
            target->describe(), ", not a map");
    Map& members = std::get<Map>(target->value_);
    auto member = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.key == keys[depth]; });
    if (member == members.end()) member = members.insert(member, Member{keys[depth], Document(), position});
    target = &member->value;
  }
  *target = std::move(parsed);
}

}  // namespace octet
