// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/system_info.h"

#include <fmt/chrono.h>
#include <sched.h>
#include <sys/utsname.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "octet/base/error.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/onednn/info.h"

namespace octet {
namespace {

std::string compiler() {
#ifdef __clang__
  return text("clang++ ", __clang_major__, '.', __clang_minor__, '.', __clang_patchlevel__);
#else
  return text("g++ ", __GNUC__, '.', __GNUC_MINOR__, '.', __GNUC_PATCHLEVEL__);
#endif
}

std::string cpu() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string system_name() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return text(name.sysname, ' ', name.release, ' ', name.machine);
}

int processors() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

SystemInfo system_info() {
  return {.octet_version = OCTET_VERSION,
          .compiler = compiler(),
          .onednn_version = kernels::onednn_version(),
          .isa = kernels::onednn_isa(),
          .cpu = cpu(),
          .system = system_name(),
          .threads = kernels::num_threads(),
          .processors = processors()};
}

Document to_document(const SystemInfo& info) {
  return Document::map({{"octet", info.octet_version},
                        {"compiler", info.compiler},
                        {"onednn", info.onednn_version},
                        {"isa", info.isa},
                        {"cpu", info.cpu},
                        {"system", info.system},
                        {"threads", info.threads},
                        {"processors", info.processors}});
}

std::string now_utc() {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

}  // namespace octet
