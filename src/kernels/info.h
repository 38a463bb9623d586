// SPDX-License-Identifier: Apache-2.0
// What computes: the version of oneDNN and the instructions it uses.
#pragma once

#include <string>

namespace octet::kernels {

/// As in "2.6.3".
std::string onednn_version();
/// The instruction set that oneDNN uses on this machine, as in "AVX512_CORE_VNNI".
std::string onednn_isa();

}  // namespace octet::kernels
