// SPDX-License-Identifier: Apache-2.0
// A node's options, by name.
#pragma once

#include <string_view>

#include "octet/base/error.h"
#include "octet/base/shape.h"
#include "octet/graph/graph.h"

namespace octet {

/// The attribute, or `fallback` if the node has none of that name. Throws Error if it is of another type.
template <typename T>
T attribute(const Node& node, const char* name, T fallback) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return fallback;
  const T* const value = std::get_if<T>(&found->second);
  require(value != nullptr, node.op, ": attribute ", name, " has the wrong type");
  return *value;
}

/// A height and a width.
inline Size2 size_attribute(const Node& node, const char* name, Size2 fallback) {
  const auto values = attribute(node, name, std::vector<std::int64_t>{fallback.h, fallback.w});
  require(values.size() == 2, node.op, ": attribute ", name, " must have 2 values, has ", values.size());
  return {values[0], values[1]};
}

}  // namespace octet
