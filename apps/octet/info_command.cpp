// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "commands.h"
#include "octet/experiment/run/system_info.h"

int run(const InfoCommand&) {
  const octet::SystemInfo info = octet::system_info();
  fmt::print("octet       {}\n", info.octet_version);
  fmt::print("compiler    {}\n", info.compiler);
  fmt::print("oneDNN      {}\n", info.onednn_version);
  fmt::print("ISA         {}\n", info.isa);
  fmt::print("CPU         {}\n", info.cpu);
  fmt::print("processors  {}\n", info.processors);
  fmt::print("threads     {}\n", info.threads);
  fmt::print("system      {}\n", info.system);
  return kSuccess;
}
