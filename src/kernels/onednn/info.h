// SPDX-License-Identifier: Apache-2.0
// What computes: the version of oneDNN and the instructions it uses.
#pragma once

#include <string>

namespace octet::kernels {

/// As in "2.6.3".
std::string onednn_version();
/// The instruction set that oneDNN uses on this machine, as in "AVX512_CORE_VNNI"; one without a name, and those of
/// other architectures, as in "aarch64 isa 0x1f".
std::string onednn_isa();

}  // namespace octet::kernels
