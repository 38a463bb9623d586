// SPDX-License-Identifier: Apache-2.0
// Whether what a converted model will be trained to can be deployed, asked before it is trained.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/graph/graph.h"
#include "octet/graph/obstacle.h"
#include "octet/nn/module.h"
#include "octet/quant/quant_form.h"

namespace octet {

/// All that would stop `converted`, a model of create_quant_retrain_model(), on its way through a file into
/// octet::deploy: the files are made in memory, read back and planned, for two batch sizes. The model is given clips
/// for this, which nobody should train from. `form`: of the file to deploy; what octet::deploy does not read is only
/// made. `force_fp16_quant`: as in deployed_graph(). `input`: of what size the inputs are; the model runs on one of
/// zeros, and trains on two.
Obstacles deployment_obstacles(Module& converted, const Tensor& input, const QuantForm& form, bool force_fp16_quant);

/// lost_parameters() of a converted model, whose quantized layers are in a file with all that they have.
std::vector<std::string> lost_parameters_of(Module& converted, const Tensor& input, const Graph& evaluation);

/// One line per obstacle, each after "\n  ".
std::string in_lines(std::span<const Obstacle> obstacles);

}  // namespace octet
