// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/system_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octet/kernels/core/parallel.h"

namespace octet {
namespace {

using testing::MatchesRegex;

TEST(SystemInfo, KnowsVersionsAndMachine) {
  const SystemInfo info = system_info();
  EXPECT_THAT(info.octet_version, MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(info.onednn_version, MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(info.compiler, MatchesRegex("(g|clang)\\+\\+ [0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(info.system, MatchesRegex("Linux .+ .+"));
  EXPECT_FALSE(info.isa.empty());
  EXPECT_FALSE(info.cpu.empty());
  EXPECT_GE(info.processors, 1);
}

TEST(SystemInfo, TellsTheThreadsOfTheKernels) {
  const int before = kernels::num_threads();
  kernels::set_num_threads(3);
  EXPECT_EQ(system_info().threads, 3);
  kernels::set_num_threads(before);
}

}  // namespace
}  // namespace octet
