// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/obstacle.h"

#include <utility>

namespace octet {

std::string to_text(const Obstacle& obstacle) {
  const std::string& place = obstacle.module.empty() ? obstacle.node : obstacle.module;
  if (obstacle.op.empty()) return place.empty() ? obstacle.why : place + ": " + obstacle.why;
  return text(place, place.empty() ? "" : " ", '(', obstacle.op, "): ", obstacle.why);
}

void note(Obstacles& found, Obstacle obstacle, const Error& error) {
  obstacle.why = error.what();
  const std::string place = ContextScope::path() + ": ";
  if (obstacle.why.starts_with(place)) obstacle.why.erase(0, place.size());
  found.push_back(std::move(obstacle));
}

}  // namespace octet
