// SPDX-License-Identifier: Apache-2.0
// What a run was computed with: versions and machine.
#pragma once

#include <string>

#include "octet/config/document.h"

namespace octet {

struct SystemInfo {
  std::string octet_version;
  std::string compiler;        ///< "g++ 12.2.0"
  std::string onednn_version;  ///< "2.6.3"
  std::string isa;             ///< the instructions oneDNN uses: "AVX512_CORE_VNNI"
  std::string cpu;             ///< the processor's own name
  std::string system;          ///< "Linux 6.1.0 x86_64"
  int threads;                 ///< of this thread's kernels
  int processors;              ///< that this process may use
};

SystemInfo system_info();
Document to_document(const SystemInfo& info);

/// The time in seconds: "2026-03-14T15:09:26Z".
std::string now_utc();

}  // namespace octet
