// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/obstacles.h"

#include <utility>

#include "octet/deploy/program.h"
#include "octet/graph/infer_shapes.h"

namespace octet::deploy {

Obstacles find_obstacles(Graph graph, std::span<const Shape> inputs) {
  Obstacles found;
  infer_shapes(graph, inputs, &found);
  SharedConstants shared;
  lower(fold_bias(std::move(graph)), shared, &found);
  return found;
}

}  // namespace octet::deploy
