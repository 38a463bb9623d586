// SPDX-License-Identifier: Apache-2.0
// A float network as a graph that can be written to an ONNX file. Private to the room.
#pragma once

#include "octet/graph/graph.h"
#include "octet/nn/module.h"

namespace octet::detail {

/// What evaluation of `module` computes, for any batch size, with its BatchNorms folded into the convolutions before
/// them, as everybody does who deploys in floats. `input`: size of an image, [C, H, W]. Every module is in its own
/// mode afterwards. Throws Error if parameters are trained that the output does not depend on.
Graph float_graph(Module& module, const Shape& input);

}  // namespace octet::detail
