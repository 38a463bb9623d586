// SPDX-License-Identifier: Apache-2.0
// The stranger's program of tests/package: draws a number, so that it links.
#include <cstdint>
#include <cstdio>

#include "octet/base/rng.h"
#include "octet/base/shape.h"

int main() {
  std::printf("octet works\n");
  return 0;
}
