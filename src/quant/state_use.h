// SPDX-License-Identifier: Apache-2.0
// Whether a forward may write to the state of its quantizers.
#pragma once

namespace octet {

/// kUpdate: in training. kKeep: in evaluation, and while a trace is taken.
enum class StateUse { kUpdate, kKeep };

}  // namespace octet
