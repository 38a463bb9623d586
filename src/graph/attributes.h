// SPDX-License-Identifier: Apache-2.0
// An op's options, by name.
#pragma once

#include "octet/base/error.h"
#include "octet/base/shape.h"
#include "octet/graph/graph.h"

namespace octet {

/// The attribute, or `fallback` if there is none of that name. Throws Error if it is of another type.
template <typename T>
T attribute(const Attributes& attributes, const char* name, T fallback) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) return fallback;
  const T* const value = std::get_if<T>(&found->second);
  require(value != nullptr, "attribute ", name, " has the wrong type");
  return *value;
}

/// A height and a width.
inline Size2 size_attribute(const Attributes& attributes, const char* name, Size2 fallback) {
  const auto values = attribute(attributes, name, std::vector<std::int64_t>{fallback.h, fallback.w});
  require(values.size() == 2, "attribute ", name, " must have 2 values, has ", values.size());
  return {values[0], values[1]};
}

/// As an attribute: [h, w].
inline std::vector<std::int64_t> as_list(const Size2& size) { return {size.h, size.w}; }

}  // namespace octet
