// SPDX-License-Identifier: Apache-2.0
// What was trained and would not be in a file that holds what forward() returns.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "octet/graph/graph.h"
#include "octet/nn/module.h"

namespace octet {

/// Names of the parameters that training moves though the output of evaluation does not depend on them: those of a
/// second head that forward() keeps in a member, or that runs in training only. `evaluation` and `training` are traces
/// of `module` in these modes; `training` may be empty. A parameter counts as trained if it requires a gradient, and
/// has one or is read in one of the traces: what never runs is not trained, and what is frozen is not lost. Modules
/// whose paths are in `whole` are there with all their parameters if their convolution or linear op is.
std::vector<std::string> lost_parameters(const Module& module, const Graph& evaluation, const Graph& training,
                                         std::span<const std::string> whole = {});

/// What to do about lost parameters, for messages.
inline constexpr const char* kLostParametersHint =
    "return from forward() what they compute; or, if it is not to be deployed, freeze them (set_requires_grad(false)) "
    "or replace their module";

}  // namespace octet
