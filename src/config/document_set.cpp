// SPDX-License-Identifier: Apache-2.0
// Document::set: one value of a configuration, overridden from the command line.
#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/config/document.h"

namespace octet {
namespace {

/// "train_transforms[0]": a name and the indices behind it.
struct Key {
  std::string name;
  std::vector<std::size_t> indices;
};

Key key_of(std::string_view part, const Position& position) {
  Key key{std::string(part.substr(0, part.find('['))), {}};
  require(!key.name.empty(), position.prefix(), "a name in the path is empty");
  for (std::string_view rest = part.substr(key.name.size()); !rest.empty();) {
    const std::size_t end = rest.find(']');
    std::size_t index = 0;
    const char* const last = rest.data() + std::min(end, rest.size());
    const auto [stop, error] = std::from_chars(rest.data() + 1, last, index);
    require(rest[0] == '[' && end != std::string_view::npos && error == std::errc() && stop == last, position.prefix(),
            in_quotes(part), " is not a name with the numbers of items behind it, as list[0]");
    key.indices.push_back(index);
    rest.remove_prefix(end + 1);
  }
  return key;
}

/// What stands between the dots.
std::vector<Key> keys_of(std::string_view path, const Position& position) {
  std::vector<Key> keys;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    keys.push_back(key_of(path.substr(start, end - start), position));
    start = end + 1;
  }
  const auto max_depth = static_cast<std::size_t>(DocumentLimits().max_depth);
  std::size_t depth = 0;
  for (const Key& key : keys) depth += 1 + key.indices.size();
  require(depth <= max_depth, position.prefix(), "the path has more than ", max_depth, " names");
  return keys;
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
  const std::vector<Key> keys = keys_of(path, position);

  Document changed = *this;  // so that a path that leads nowhere changes nothing
  Document* target = &changed;
  std::string walked;
  const auto called = [&] { return walked.empty() ? "the top" : walked; };
  for (const Key& key : keys) {
    if (target->is_null()) *target = map().placed(position);
    require(target->kind() == Kind::kMap, position.prefix(), printable(called()), " is ", target->describe(),
            ", not a map",
            target->kind() == Kind::kList && !walked.empty() ? "; its items are " + printable(walked) + "[0] and so on"
                                                             : "");
    Map& members = std::get<Map>(target->value_);
    auto member = std::ranges::find(members, key.name, &Member::key);
    if (member == members.end()) member = members.insert(member, Member{key.name, Document(), position});
    target = &member->value;
    walked += (walked.empty() ? "" : ".") + key.name;
    for (const std::size_t index : key.indices) {
      require(target->kind() == Kind::kList, position.prefix(), printable(walked), " is ", target->describe(),
              ", not a list");
      List& items = std::get<List>(target->value_);
      require(index < items.size(), position.prefix(), "there is no ", printable(walked), '[', index,
              "]: the list has ", counted(std::ssize(items), "item"));
      target = &items[index];
      walked += text('[', index, ']');
    }
  }
  *target = std::move(parsed);
  *this = std::move(changed);
}

}  // namespace octet
