// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM as a flag that a run looks at.
#pragma once

#include <atomic>

/// From now on the first SIGINT or SIGTERM sets the flag that is returned, and a second one ends the process.
const std::atomic<bool>& catch_stop_signals();
