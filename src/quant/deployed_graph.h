// SPDX-License-Identifier: Apache-2.0
// The graph of a retrained model as it is written to files.
#pragma once

#include <string>

#include "octet/graph/graph.h"
#include "octet/graph/obstacle.h"
#include "octet/nn/module.h"
#include "octet/quant/quant_form.h"

namespace octet {

struct GraphNames {
  std::string input, output;  ///< an empty one stays as it is
};

/// `trace`: of `model` in evaluation mode. With `force_fp16_quant` scales of activations have the precision of float16,
/// which biases and the record share, and scales of results have 10 bits behind the point. Throws Error for what the
/// form cannot express. With `found`, nodes it refuses are noted there, and nodes that no writer knows take their
/// places.
Graph deployed_graph(const Graph& trace, Module& model, const QuantForm& form, const GraphNames& names,
                     bool force_fp16_quant, Obstacles* found = nullptr);

}  // namespace octet
