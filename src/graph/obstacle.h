// SPDX-License-Identifier: Apache-2.0
// What stands in the way of a network from its graph to a file that runs. Each step on this way refuses the first node
// that it does not know; with somewhere to note it, a step goes on and finds all of them.
#pragma once

#include <string>
#include <vector>

#include "octet/base/error.h"

namespace octet {

struct Obstacle {
  std::string node;         ///< name of the value that the refused node computes
  std::string op;           ///< "silu"; "" where it is no single op
  std::string why;          ///< a rule and values
  std::string module = {};  ///< dotted path of the module whose forward ran it, "" at the top

  bool operator==(const Obstacle&) const = default;
};
using Obstacles = std::vector<Obstacle>;

/// For people: "features.3 (silu): op silu has no operator in ONNX here".
std::string to_text(const Obstacle& obstacle);

/// Notes what `error` says of the obstacle, without the place that the message starts with.
void note(Obstacles& found, Obstacle obstacle, const Error& error);

/// Calls look(). True if it returns. An Error it throws is noted in `found`, if there is one, and is thrown on, from
/// within `place`, if there is none.
template <typename F>
bool passes(Obstacles* found, const std::string& place, Obstacle obstacle, const F& look) {
  if (!found) {
    const ContextScope scope(place);
    look();
    return true;
  }
  try {
    look();
    return true;
  } catch (const Error& error) {
    note(*found, std::move(obstacle), error);
    return false;
  }
}

}  // namespace octet
