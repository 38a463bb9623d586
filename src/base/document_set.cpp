// SPDX-License-Identifier: Apache-2.0
// Document::set: one value of a configuration, overridden from the command line.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "octet/base/document.h"
#include "octet/base/error.h"

namespace octet {

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

  Document* target = this;
  std::size_t depth = 0;
  for (std::size_t start = 0; start <= path.size(); ++depth) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    const std::string key(path.substr(start, end - start));
    require(!key.empty(), position.prefix(), "a name in the path is empty");
    require(depth < static_cast<std::size_t>(DocumentLimits().max_depth), position.prefix(), "the path is too long");
    if (target->is_null()) *target = map().placed(position);
    require(target->kind() == Kind::kMap, position.prefix(), path.substr(0, start ? start - 1 : 0), " is ",
            target->describe(), ", not a map");
    Map& members = std::get<Map>(target->value_);
    auto member = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.key == key; });
    if (member == members.end()) member = members.insert(member, Member{key, Document(), position});
    target = &member->value;
    start = end + 1;
  }
  *target = std::move(parsed);
}

}  // namespace octet
